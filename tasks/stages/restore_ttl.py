"""Give the MX records a sane TTL again; Exchange Online supports at most 21,600 seconds (MC346908)."""

from __future__ import annotations

from mailmove.dns.zone.desired import restored_ttl
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.records import difference
from tasks.dns.authoritative_check import poll_served
from tasks.dns.mx_drift import refuse_if_moved
from tasks.dns.zone_changes import Wanted, act_on_zones, mx_expected, mx_served, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "restore_ttl"


def _wanted(context: Context) -> Wanted:
    return lambda zone, domain: difference(zone, restored_ttl(zone, domain, context.plan.dns.final_ttl))


@check_task
def check(context: Context) -> Preview:
    return preview_zones(context, NAME, _wanted(context))


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    refuse_if_moved(context, NAME)
    return act_on_zones(context, NAME, _wanted(context), approved)


@verify_task
def verify(context: Context) -> Evidence:
    return record_evidence(context, NAME, mx_served(context, NAME))


poll = poll_served(mx_expected(NAME))


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    return put_zones_back(context, receipt)
