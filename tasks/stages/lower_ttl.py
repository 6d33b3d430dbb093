"""Shorten the TTL of the MX records, so that the switch will be noticed soon."""

from __future__ import annotations

from mailmove.dns.zone.desired import lowered
from mailmove.dns.zone.findings import findings
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.records import difference
from mailmove.report import forecast_rules
from tasks.dns.authoritative_check import poll_served
from tasks.dns.name_servers import name_server_findings
from tasks.dns.zone_changes import (
    Wanted,
    act_on_zones,
    mx_expected,
    mx_served,
    preview_zones,
    put_zones_back,
    zone_name,
)
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "lower_ttl"
FORECAST = forecast_rules.lowered_ttl


def _wanted(context: Context) -> Wanted:
    return lambda zone, domain: difference(zone, lowered(zone, domain, context.plan.dns.low_ttl))


@check_task
def check(context: Context) -> Preview:
    """The MX sets as they are, with the low TTL; and what else in the zone matters tonight."""
    preview = preview_zones(context, NAME, _wanted(context))
    for domain in context.plan.domains:
        zone = context.dns_provider.read_zone(zone_name(domain))
        preview.findings += findings(zone, domain, moving=context.plan.domains)
    preview.findings += name_server_findings(context)
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """TTL only; the values stay."""
    return act_on_zones(context, NAME, _wanted(context), approved)


@verify_task
def verify(context: Context) -> Evidence:
    """The moment of this evidence starts the old TTL's clock: the last authoritative server serves the new one."""
    return record_evidence(context, NAME, mx_served(context, NAME))


poll = poll_served(mx_expected(NAME))


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """The old TTL."""
    return put_zones_back(context, receipt)
