"""What the stages that edit DNS have in common: preview, guard, act, put back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mailmove.dns.zone.guards import beyond_plan, delegation_findings
from mailmove.dns.zone.mail_record_names import changed_by_move
from mailmove.dns.zone.manual_entry import typing_rows
from mailmove.errors import ByHand, TtlRaised
from mailmove.evidence import Change, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import RRset, RRsetChange, Zone
from tasks.dns.authoritative_check import resolvers_of, rrset_change, served_everywhere, zone_of_name
from tasks.dns.ttl_floor import floor_finding, floors_of, meet_floor, within_floor
from tasks.execution.apply_and_undo import act, undo
from tasks.execution.open_blocks import dns_provider
from tasks.ledger.artifact_tables import write_table
from tasks.ledger.ledger import Ledger, this_cutover

__all__ = ["resolvers_of", "rrset_change", "served_everywhere"]  # other stages find them here

Wanted = Callable[[Zone, str], list[RRsetChange]]
"""`wanted(zone, domain)`: what a stage would change in the domain's zone as it is now."""


def zone_name(domain: str) -> str:
    return f"{domain}."


def preview_zones(cutover: Cutover, stage: str, wanted: Wanted) -> Preview:
    """The difference in every zone of the plan, and what forbids to touch the zone at all."""
    provider, floors = dns_provider(cutover), floors_of(cutover)
    preview = Preview(stage=stage)
    for domain in cutover.domains:
        name = zone_name(domain)
        zone, floor = provider.read_zone(name), floors.get(name, 0)
        would = [within_floor(one, floor) for one in wanted(zone, domain)]
        changes = [one for one in would if one.before != one.after]
        preview.changes += [change_of(one) for one in changes]
        preview.findings += [floor_finding(cutover, name, floor)] if floor > cutover.dns.low_ttl else []
        if changes:
            preview.findings += _guards(cutover, name, zone, changes)
    return preview


def act_on_zones(cutover: Cutover, stage: str, wanted: Wanted, approved: str | None = None) -> Receipt:
    """Make the difference, one change set for each zone. By hand: returns at once, and `verify` waits for it."""
    return act(
        cutover,
        lambda: preview_zones(cutover, stage, wanted),
        lambda preview: _make(cutover, stage, [rrset_change(one) for one in preview.changes]),
        approved=approved,
    )


def put_zones_back(cutover: Cutover, receipt: Receipt) -> Receipt:
    """The very record sets that stood there before. ByHand: a person must type them."""
    changes = [one for one in receipt.changes if is_zone_change(one)]

    def standing() -> list[Change]:
        provider = dns_provider(cutover)
        zones = {
            name: provider.read_zone(name)
            for name in {zone_of_name(cutover, one.key[0]) for one in map(rrset_change, changes)}
        }
        return [
            one
            for one in changes
            if zones[zone_of_name(cutover, rrset_change(one).key[0])].get(rrset_change(one).key)
            != rrset_change(one).before
        ]

    undone = undo(
        receipt.model_copy(update={"changes": changes}),
        standing,
        lambda: _make(cutover, receipt.stage, [rrset_change(one).inverse() for one in standing()]),
    )
    if dns_provider(cutover).by_hand:  # it was a person who put them back, before we looked
        moved = [one for one in changes if one.before != one.after]
        return undone.model_copy(update={"changes": [change_of(rrset_change(one).inverse()) for one in moved]})
    return undone


def mx_expected(stage: str) -> Callable[[Cutover, Ledger], list[RRsetChange]]:
    """What every authority is to serve after a stage that edits MX sets: its changes, or the sets as they are."""

    def expected(cutover: Cutover, ledger: Ledger) -> list[RRsetChange]:
        return [rrset_change(one) for one in ledger.receipt(stage).changes] or _mx_held(cutover)

    return expected


def mx_served(cutover: Cutover, stage: str) -> list[str]:
    """Facts, when every authority serves what the stage made; what was found out about TTLs is among them."""
    facts = served_everywhere(cutover, mx_expected(stage)(cutover, Ledger(cutover.customer, this_cutover())))
    return facts + [floor_finding(cutover, zone, floor).seen for zone, floor in floors_of(cutover).items()]


def change_of(one: RRsetChange) -> Change:
    name, rtype = one.key
    return Change(what=f"{rtype} {name}", before=_dump(one.before), after=_dump(one.after))


def is_zone_change(one: Change) -> bool:
    return any(isinstance(value, dict) and "ttl" in value and "values" in value for value in (one.before, one.after))


def _guards(cutover: Cutover, name: str, zone: Zone, changes: list[RRsetChange]) -> list[Finding]:
    beyond = beyond_plan(name, changed_by_move(name), [one.key for one in changes])
    moving = asyncio.run(delegation_findings(name, zone, resolvers_of(cutover), cutover.propagation.dns_port))
    return [*([beyond] if beyond else []), *moving]


def _mx_held(cutover: Cutover) -> list[RRsetChange]:
    """The MX sets as the provider holds them now, each as a change that asks for nothing."""
    provider = dns_provider(cutover)
    held = [provider.read_zone(zone_name(domain)).get((zone_name(domain), "MX")) for domain in cutover.domains]
    return [RRsetChange(before=rrset, after=rrset) for rrset in held if rrset]


def _dump(rrset: RRset | None) -> Any:
    return rrset.model_dump(mode="json") if rrset else None


def _make(cutover: Cutover, stage: str, changes: list[RRsetChange]) -> None:
    """ByHand names the changes of every zone at once, and leaves them as a table at the flow run."""
    provider = dns_provider(cutover)
    by_hand: list[ByHand] = []
    for zone in dict.fromkeys(zone_of_name(cutover, one.key[0]) for one in changes):
        mine = [one for one in changes if zone_of_name(cutover, one.key[0]) == zone]
        try:
            provider.apply(zone, mine)
        except TtlRaised as met:
            raise meet_floor(cutover, stage, zone, [change_of(one.inverse()) for one in mine], met) from met
        except ByHand as typing:
            by_hand.append(typing)
    if by_hand:
        key = f"to-type-{cutover.customer}-{stage.replace('_', '-')}"
        write_table(key, typing_rows(changes), description="Records to type by hand", flow_run=this_cutover())
        first = by_hand[0]
        records = [line for one in by_hand for line in one.records]
        raise ByHand(first.who, wanted=first.wanted, seen=first.seen, todo=first.todo, records=records)
