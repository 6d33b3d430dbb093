"""A provider that makes low TTLs higher: found out by trying, written down, and planned for from then on."""

from __future__ import annotations

from mailmove.changes import Change
from mailmove.errors import Drifted, TtlRaised
from mailmove.evidence import Finding
from mailmove.records import RRsetChange
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import TtlFloor


def floors_of(context: Context) -> dict[str, int]:
    """Zone name -> the lowest TTL that its provider allows, in seconds, as far as this cutover has met it."""
    return {floor.zone: floor.floor for _, floor in context.ledger.payloads(TtlFloor)}


def meet_floor(context: Context, stage: str, zone: str, put_back: list[Change], met: TtlRaised) -> Drifted:
    """Write the floor down; the error that makes the stage check again, with it in mind.

    put_back: what the provider undid, as changes from what was tried to what stood there. The floor itself is raised
    (it blocks) when it is higher than the plan's low_ttl_limit.
    """
    if met.floor > context.plan.dns.low_ttl_limit:
        raise met
    context.ledger.record(EntryKind.INTENT, stage, changes=put_back)
    floor = TtlFloor(zone=zone, floor=met.floor)
    context.ledger.record(EntryKind.EVIDENCE, stage, payload=floor, facts=[str(met)])
    return Drifted(
        met.who,
        wanted=met.wanted,
        seen=f"the provider's lowest is {met.floor} s",
        todo=f"Nothing was changed. It is planned for: the stage is tried again with {met.floor} s.",
    )


def within_floor(change: RRsetChange, floor: int) -> RRsetChange:
    """The change with no TTL below the floor."""
    if change.after is None or change.after.ttl >= floor:
        return change
    return RRsetChange(before=change.before, after=change.after.model_copy(update={"ttl": floor}))


def floor_finding(context: Context, zone: str, floor: int) -> Finding:
    low = context.plan.dns.low_ttl
    return Finding(
        subject=f"TTL {zone}",
        seen=f"asked for {low} s; the provider's lowest is {floor} s",
        means=f"After the switch the world may use the old records for {floor} s instead of {low} s.",
        todo="Nothing: it is planned for. Or lift the provider's limit.",
        needs_action=False,
    )
