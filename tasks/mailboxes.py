"""After the first sync: licences for people, and shared, room and equipment mailboxes turned into what they were."""

from __future__ import annotations

from typing import Any

from mailmove.cloud_state import MailboxKind
from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan import Cutover
from mailmove.ports import Tenant
from tasks.acting import act, undo, witness
from tasks.opening import source_server, tenant
from tasks.policies import change, look, make_sure, put_back

NAME = "mailboxes"
_KINDS: dict[str, MailboxKind] = {"shared": "Shared", "room": "Room", "equipment": "Equipment"}
_KIND, _LICENCE = "kind of ", "licence of "


def _preview(cutover: Cutover) -> Preview:
    cloud, moving = tenant(cutover), source_server(cutover).inventory().moving
    kinds = cloud.mailbox_kinds()
    changes = []
    for box in moving:
        if box.address not in kinds:
            continue  # not copied yet; the first sync makes it
        if box.kind in _KINDS:
            changes += _differing(_KIND + box.address, kinds[box.address], _KINDS[box.kind])
        else:
            location, skus = cloud.licence_of(box.address)
            before = {"usage_location": location, "skus": sorted(skus)}
            after = {"usage_location": cutover.target.usage_location, "skus": sorted(skus | {cutover.target.licence})}
            changes += _differing(_LICENCE + box.address, before, after)
    return Preview(stage=NAME, changes=changes)


def _differing(what: str, before: Any, after: Any) -> list[Change]:
    return [] if before == after else [Change(what=what, before=before, after=after)]


@look
def check(cutover: Cutover) -> Preview:
    """What each mailbox lacks, and whether the licences suffice (one for each user mailbox, none for shared ones)."""
    preview = _preview(cutover)
    people = [box for box in source_server(cutover).inventory().moving if box.kind == "user"]
    free = next((one.owned - one.used for one in tenant(cutover).licences() if one.sku == cutover.target.licence), 0)
    short = sum(1 for one in preview.changes if one.what.startswith(_LICENCE)) or len(people)
    if short > free and preview.changes:
        preview.findings.append(_too_few(cutover, short, free, blocks=True))
    elif short > free and not tenant(cutover).mailbox_kinds():
        preview.findings.append(_too_few(cutover, short, free, blocks=False))
    return preview


def _too_few(cutover: Cutover, short: int, free: int, *, blocks: bool) -> Finding:
    return Finding(
        subject=cutover.target.licence,
        seen=f"{free} free, {short} needed",
        means="A mailbox without a licence is switched off after 30 days.",
        todo="Buy more before the night.",
        blocks=blocks,
    )


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """One by one; what is right already is left alone."""
    return act(
        cutover,
        lambda: _preview(cutover),
        lambda preview: _make(cutover, {one.what: one.after for one in preview.changes}),
        approved=approved,
    )


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Read back: nothing is left to change."""
    kinds = tenant(cutover).mailbox_kinds()
    moving = source_server(cutover).inventory().moving
    return witness(cutover, NAME, [f"{box.address}: {kinds.get(box.address, 'absent')}" for box in moving])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Kinds and licences as they were; mailboxes that are gone are left."""

    def differing() -> list[Change]:
        cloud = tenant(cutover)
        kinds = cloud.mailbox_kinds()
        return [
            one
            for one in receipt.changes
            if one.what.rpartition(" ")[2] in kinds and _today(cloud, kinds, one.what) != one.before
        ]

    return undo(receipt, differing, lambda: _make(cutover, {one.what: one.before for one in differing()}))


def _today(cloud: Tenant, kinds: dict[str, MailboxKind], what: str) -> Any:
    address = what.rpartition(" ")[2]
    if what.startswith(_KIND):
        return kinds[address]
    location, skus = cloud.licence_of(address)
    return {"usage_location": location, "skus": sorted(skus)}


def _make(cutover: Cutover, wanted: dict[str, Any]) -> None:
    cloud = tenant(cutover)
    for what, value in wanted.items():
        address = what.rpartition(" ")[2]
        if what.startswith(_KIND):
            cloud.set_mailbox_kind(address, value)
        else:
            cloud.set_licence(address, value["usage_location"], frozenset(value["skus"]))
