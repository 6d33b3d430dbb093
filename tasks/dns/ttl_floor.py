"""A provider that makes low TTLs higher: found out by trying, written down, and planned for from then on."""

from __future__ import annotations

from mailmove.errors import Drifted, TtlRaised
from mailmove.evidence import Change, Finding
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange
from tasks.ledger.ledger import Ledger, this_cutover

_ENTRY = "ttl_floor"


def floors_of(cutover: Cutover) -> dict[str, int]:
    """Zone name -> the lowest TTL that its provider allows, in seconds, as far as this cutover has met it."""
    entries = [entry for entry in Ledger(cutover.customer, this_cutover()).entries() if entry.stage == _ENTRY]
    return {change.what: int(change.after) for entry in entries for change in entry.changes}


def meet_floor(cutover: Cutover, stage: str, zone: str, put_back: list[Change], met: TtlRaised) -> Drifted:
    """Write the floor down; the error that makes the stage look again, with it in mind.

    put_back: what the provider undid, as changes from what was tried to what stood there. The floor itself is raised
    (it blocks) when it is higher than the plan's low_ttl_limit.
    """
    if met.floor > cutover.dns.low_ttl_limit:
        raise met
    ledger = Ledger(cutover.customer, this_cutover())
    ledger.record("intent", stage, changes=put_back)
    ledger.record("evidence", _ENTRY, changes=[Change(what=zone, after=met.floor)], facts=[str(met)])
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


def floor_finding(cutover: Cutover, zone: str, floor: int) -> Finding:
    return Finding(
        subject=f"TTL {zone}",
        seen=f"asked for {cutover.dns.low_ttl} s; the provider's lowest is {floor} s",
        means=f"After the switch the world may use the old records for {floor} s instead of {cutover.dns.low_ttl} s.",
        todo="Nothing: it is planned for. Or lift the provider's limit.",
    )
