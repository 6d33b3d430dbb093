"""Give the MX records a sane TTL again; Exchange Online supports at most 21,600 seconds (MC346908)."""

from __future__ import annotations

from mailmove.dns.zone.desired import restored_ttl
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import difference
from tasks.dns.authoritative_check import looking_at
from tasks.dns.mx_drift import refuse_if_moved
from tasks.dns.zone_changes import Wanted, act_on_zones, mx_expected, mx_served, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import witness
from tasks.execution.retry_policies import change, look, make_sure, put_back

NAME = "restore_ttl"


def _wanted(cutover: Cutover) -> Wanted:
    return lambda zone, domain: difference(zone, restored_ttl(zone, domain, cutover.dns.final_ttl))


@look
def check(cutover: Cutover) -> Preview:
    return preview_zones(cutover, NAME, _wanted(cutover))


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    refuse_if_moved(cutover, NAME)
    return act_on_zones(cutover, NAME, _wanted(cutover), approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    return witness(cutover, NAME, mx_served(cutover, NAME))


look_on = looking_at(mx_expected(NAME))


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    return put_zones_back(cutover, receipt)
