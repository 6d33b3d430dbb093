"""Shorten the TTL of the MX records, so that the switch will be noticed soon."""

from __future__ import annotations

from mailmove.dns.zone.desired import lowered
from mailmove.dns.zone.findings import findings
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import difference
from tasks.dns.authoritative_check import looking_at
from tasks.dns.zone_changes import (
    Wanted,
    act_on_zones,
    mx_expected,
    mx_served,
    preview_zones,
    put_zones_back,
    zone_name,
)
from tasks.execution.apply_and_undo import witness
from tasks.execution.open_blocks import dns_provider
from tasks.execution.retry_policies import change, look, make_sure, put_back

NAME = "lower_ttl"


def _wanted(cutover: Cutover) -> Wanted:
    return lambda zone, domain: difference(zone, lowered(zone, domain, cutover.dns.low_ttl))


@look
def check(cutover: Cutover) -> Preview:
    """The MX sets as they are, with the low TTL; and what else in the zone matters tonight."""
    preview = preview_zones(cutover, NAME, _wanted(cutover))
    for domain in cutover.domains:
        preview.findings += findings(dns_provider(cutover).read_zone(zone_name(domain)), domain)
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """TTL only; the values stay."""
    return act_on_zones(cutover, NAME, _wanted(cutover), approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """The moment of this evidence starts the old TTL's clock: the last authoritative server serves the new one."""
    return witness(cutover, NAME, mx_served(cutover, NAME))


look_on = looking_at(mx_expected(NAME))


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """The old TTL."""
    return put_zones_back(cutover, receipt)
