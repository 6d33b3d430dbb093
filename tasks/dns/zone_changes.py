"""What the stages that edit DNS have in common: preview, guard, act, put back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mailmove.changes import Change, ChangeKind, RecordSetSubject
from mailmove.dns.server_made import is_server_made
from mailmove.dns.zone.guards import beyond_plan, delegation_findings
from mailmove.dns.zone.mail_record_names import changed_by_move
from mailmove.dns.zone.manual_entry import typing_rows
from mailmove.errors import ByHand, TtlRaised
from mailmove.evidence import Finding, Preview, Receipt
from mailmove.records import RRset, RRsetChange, Zone
from tasks.dns.authoritative_check import (
    Expected,
    is_record_set,
    resolvers_of,
    rrset_change,
    served_everywhere,
    zone_of_name,
)
from tasks.dns.name_servers import note_lame_servers
from tasks.dns.ttl_floor import floor_finding, floors_of, meet_floor, within_floor
from tasks.execution.apply_and_undo import apply_changes, undo_changes
from tasks.execution.context import Context

Wanted = Callable[[Zone, str], list[RRsetChange]]
"""`wanted(zone, domain)`: what a stage would change in the domain's zone as it is now."""


def zone_name(domain: str) -> str:
    return f"{domain}."


def preview_zones(context: Context, stage: str, wanted: Wanted) -> Preview:
    """The difference in every zone of the plan, and what forbids to touch the zone at all."""
    provider, floors = context.dns_provider, floors_of(context)
    preview = Preview(stage=stage)
    for domain in context.plan.domains:
        name = zone_name(domain)
        zone, floor = provider.read_zone(name), floors.get(name, 0)
        would = [within_floor(change, floor) for change in wanted(zone, domain)]
        changes = [change for change in would if change.before != change.after]
        preview.changes += [change_of(change) for change in changes]
        preview.findings += [floor_finding(context, name, floor)] if floor > context.plan.dns.low_ttl else []
        if changes:
            preview.findings += _guards(context, name, zone, changes)
    return preview


def act_on_zones(context: Context, stage: str, wanted: Wanted, approved: str | None = None) -> Receipt:
    """Make the difference, one change set for each zone. By hand: returns at once, and `verify` waits for it."""

    def make(preview: Preview) -> None:
        note_lame_servers(context, stage)
        _make(context, stage, [rrset_change(change) for change in preview.changes])

    note_lame_servers(context)  # also where nothing is to be changed: what is served is waited for all the same
    return apply_changes(context, lambda: preview_zones(context, stage, wanted), make, approved=approved)


def put_zones_back(context: Context, receipt: Receipt) -> Receipt:
    """The very record sets that stood there before. ByHand: a person must type them."""
    # A set that was made and taken away again by the stage itself has neither; there is nothing to put back.
    changes = [change for change in receipt.changes if is_record_set(change) and (change.before or change.after)]

    def standing() -> list[Change]:
        provider = context.dns_provider
        zones = {
            name: provider.read_zone(name)
            for name in {zone_of_name(context, change.key[0]) for change in map(rrset_change, changes)}
        }
        return [
            change
            for change in changes
            if not is_server_made(rrset_change(change).key[1])
            and zones[zone_of_name(context, rrset_change(change).key[0])].get(rrset_change(change).key)
            != rrset_change(change).before
        ]

    undone = undo_changes(
        context,
        receipt.model_copy(update={"changes": changes}),
        standing,
        lambda: _make(context, receipt.stage, [rrset_change(change).inverse() for change in standing()]),
    )
    if context.dns_provider.by_hand:  # it was a person who put them back, before we looked
        moved = [change for change in changes if change.before != change.after]
        return undone.model_copy(update={"changes": [change_of(rrset_change(change).inverse()) for change in moved]})
    return undone


def mx_expected(stage: str) -> Expected:
    """What every authority is to serve after a stage that edits MX sets: its changes, or the sets as they are."""

    def expected(context: Context) -> list[RRsetChange]:
        return [rrset_change(change) for change in context.ledger.receipt(stage).changes] or _mx_at_provider(context)

    return expected


def mx_served(context: Context, stage: str) -> list[str]:
    """Facts, when every authority serves what the stage made; what was found out about TTLs is among them."""
    facts = served_everywhere(context, mx_expected(stage)(context))
    return facts + [floor_finding(context, zone, floor).seen for zone, floor in floors_of(context).items()]


def change_of(records: RRsetChange) -> Change:
    name, rtype = records.key
    return Change(
        kind=ChangeKind.RECORD_SET,
        subject=RecordSetSubject(name=name, type=rtype),
        before=_dump(records.before),
        after=_dump(records.after),
    )


def _guards(context: Context, name: str, zone: Zone, changes: list[RRsetChange]) -> list[Finding]:
    beyond = beyond_plan(name, changed_by_move(name), [change.key for change in changes])
    moving = asyncio.run(delegation_findings(name, zone, resolvers_of(context), context.plan.propagation.dns_port))
    return [*([beyond] if beyond else []), *moving]


def _mx_at_provider(context: Context) -> list[RRsetChange]:
    """The MX sets as the provider holds them now, each as a change that asks for nothing."""
    provider = context.dns_provider
    sets = [provider.read_zone(zone_name(domain)).get((zone_name(domain), "MX")) for domain in context.plan.domains]
    return [RRsetChange(before=rrset, after=rrset) for rrset in sets if rrset]


def _dump(rrset: RRset | None) -> Any:
    return rrset.model_dump(mode="json") if rrset else None


def _make(context: Context, stage: str, changes: list[RRsetChange]) -> None:
    """ByHand names the changes of every zone at once, and leaves them as a table at the flow run."""
    provider = context.dns_provider
    by_hand: list[ByHand] = []
    for zone in dict.fromkeys(zone_of_name(context, change.key[0]) for change in changes):
        mine = [change for change in changes if zone_of_name(context, change.key[0]) == zone]
        try:
            provider.apply(zone, mine)
        except TtlRaised as met:
            raise meet_floor(context, stage, zone, [change_of(change.inverse()) for change in mine], met) from met
        except ByHand as typing:
            by_hand.append(typing)
    if by_hand:
        key = f"to-type-{context.plan.customer}-{stage.replace('_', '-')}"
        context.write_table(key, typing_rows(changes), description="Records to type by hand")
        first = by_hand[0]
        records = [line for change in by_hand for line in change.records]
        raise ByHand(first.who, wanted=first.wanted, seen=first.seen, todo=first.todo, records=records)
