"""After the first sync: licences for people, and shared, room and equipment mailboxes turned into what they were."""

from __future__ import annotations

from typing import Any

from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.ports import Tenant
from mailmove.tenant_state import MailboxKind
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back

NAME = "license_mailboxes"
_KINDS: dict[str, MailboxKind] = {"shared": "Shared", "room": "Room", "equipment": "Equipment"}
_KIND, _LICENCE = "kind of ", "licence of "


def _preview(cutover: Cutover) -> Preview:
    cloud, moving = tenant(cutover), source_server(cutover).inventory().moving
    kinds = cloud.mailboxes.kinds()
    changes = []
    for box in moving:
        if box.address not in kinds:
            continue  # not copied yet; the first sync makes it
        if box.kind in _KINDS:
            changes += _differing(_KIND + box.address, kinds[box.address], _KINDS[box.kind])
        else:
            location, skus = cloud.users.licence_of(box.address)
            before = {"usage_location": location, "skus": sorted(skus)}
            after = {"usage_location": cutover.target.usage_location, "skus": sorted(skus | {cutover.target.licence})}
            changes += _differing(_LICENCE + box.address, before, after)
    return Preview(stage=NAME, changes=changes)


def _differing(what: str, before: Any, after: Any) -> list[Change]:
    return [] if before == after else [Change(what=what, before=before, after=after)]


@look
def check(cutover: Cutover) -> Preview:
    """What each mailbox lacks, and whether the licences suffice (one for each person, none for shared mailboxes)."""
    preview = _preview(cutover)
    preview.findings.append(_licences(cutover, preview))
    return preview


def _licences(cutover: Cutover, preview: Preview) -> Finding:
    """Counted before the night, when nobody is there yet, and later. It blocks only when they are to be given now."""
    cloud, sku = tenant(cutover), cutover.target.licence
    people = [box for box in source_server(cutover).inventory().moving if box.kind not in _KINDS]
    here = cloud.mailboxes.kinds()
    lacking = [one for one in preview.changes if one.what.startswith(_LICENCE) and sku not in one.before["skus"]]
    needed = len(lacking) + sum(1 for box in people if box.address not in here)
    owned, free = next(((one.owned, one.owned - one.used) for one in cloud.users.licences() if one.sku == sku), (0, 0))
    short = max(0, needed - free)
    return Finding(
        subject=f"licences {sku}",
        seen=f"{needed} needed, {free} free of {owned}",
        means="They are given after the first sync; shared, room and equipment mailboxes take none. "
        "A mailbox that goes without for 30 days is disabled by Microsoft.",
        todo=f"Buy {short} more before the mailboxes have been copied." if short else "Nothing to do.",
        blocks=short > 0 and bool(lacking),
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
    kinds = tenant(cutover).mailboxes.kinds()
    moving = source_server(cutover).inventory().moving
    return witness(cutover, NAME, [f"{box.address}: {kinds.get(box.address, 'absent')}" for box in moving])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Kinds and licences as they were; mailboxes that are gone are left."""

    def differing() -> list[Change]:
        cloud = tenant(cutover)
        kinds = cloud.mailboxes.kinds()
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
    location, skus = cloud.users.licence_of(address)
    return {"usage_location": location, "skus": sorted(skus)}


def _make(cutover: Cutover, wanted: dict[str, Any]) -> None:
    cloud = tenant(cutover)
    for what, value in wanted.items():
        address = what.rpartition(" ")[2]
        if what.startswith(_KIND):
            cloud.mailboxes.set_kind(address, value)
        else:
            cloud.users.set_licence(address, value["usage_location"], frozenset(value["skus"]))
