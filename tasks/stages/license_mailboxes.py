"""After the first sync: licences for people, and shared, room and equipment mailboxes turned into what they were."""

from __future__ import annotations

from typing import Any

from mailmove.changes import Change, ChangeKind, MailboxSubject
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.ports import Tenant
from mailmove.tenant_state import MailboxKind
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "license_mailboxes"
_KINDS: dict[str, MailboxKind] = {"shared": "Shared", "room": "Room", "equipment": "Equipment"}


def _preview(context: Context) -> Preview:
    cloud, moving = context.tenant, context.source.inventory().moving
    kinds = cloud.mailboxes.kinds()
    changes = []
    for box in moving:
        if box.address not in kinds:
            continue  # not copied yet; the first sync makes it
        if box.kind in _KINDS:
            changes += _differing(ChangeKind.MAILBOX_TYPE, box.address, kinds[box.address], _KINDS[box.kind])
        else:
            location, skus = cloud.users.licence_of(box.address)
            before = {"usage_location": location, "skus": sorted(skus)}
            after = {
                "usage_location": context.plan.target.usage_location,
                "skus": sorted(skus | {context.plan.target.licence}),
            }
            changes += _differing(ChangeKind.LICENCE, box.address, before, after)
    return Preview(stage=NAME, changes=changes)


def _differing(kind: ChangeKind, address: str, before: Any, after: Any) -> list[Change]:
    subject = MailboxSubject(address=address)
    return [] if before == after else [Change(kind=kind, subject=subject, before=before, after=after)]


@check_task
def check(context: Context) -> Preview:
    """What each mailbox lacks, and whether the licences suffice (one for each person, none for shared mailboxes)."""
    preview = _preview(context)
    preview.findings.append(_licences(context, preview))
    return preview


def _licences(context: Context, preview: Preview) -> Finding:
    """Counted before the cutover, when nobody is there yet, and later. It blocks only when they are to be given now."""
    cloud, sku = context.tenant, context.plan.target.licence
    people = [box for box in context.source.inventory().moving if box.kind not in _KINDS]
    arrived = cloud.mailboxes.kinds()
    licences = [change for change in preview.changes if change.kind is ChangeKind.LICENCE]
    lacking = [change for change in licences if sku not in change.before["skus"]]
    needed = len(lacking) + sum(1 for box in people if box.address not in arrived)
    owned, free = next(
        ((licence.owned, licence.owned - licence.used) for licence in cloud.users.licences() if licence.sku == sku),
        (0, 0),
    )
    short = max(0, needed - free)
    return Finding(
        subject=f"licences {sku}",
        seen=f"{needed} needed, {free} free of {owned}",
        means="They are given after the first sync; shared, room and equipment mailboxes take none. "
        "A mailbox that goes without for 30 days is disabled by Microsoft.",
        todo=f"Buy {short} more before the mailboxes have been copied." if short else "Nothing to do.",
        needs_action=short > 0,
        blocks=short > 0 and bool(lacking),
    )


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """One by one; what is right already is left alone."""
    return apply_changes(
        context,
        lambda: _preview(context),
        lambda preview: _make(context, preview.changes),
        approved=approved,
    )


@verify_task
def verify(context: Context) -> Evidence:
    """Read back: nothing is left to change."""
    kinds = context.tenant.mailboxes.kinds()
    moving = context.source.inventory().moving
    return record_evidence(context, NAME, [f"{box.address}: {kinds.get(box.address, 'absent')}" for box in moving])


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Kinds and licences as they were; mailboxes that are gone are left, and so are usage locations that had none:
    Microsoft takes none back."""

    def differing() -> list[Change]:
        cloud = context.tenant
        kinds = cloud.mailboxes.kinds()
        return [
            change
            for change in receipt.changes
            if _address(change) in kinds and _today(cloud, kinds, change) != change.before
        ]

    located = [change for change in receipt.changes if _locates(change)]
    remains = [f"usage location of {_address(change)}: {change.after['usage_location']} stays; it had none before, and "
               "Microsoft takes none back" for change in located]  # fmt: skip
    put_back = lambda: _make(context, [change.inverse() for change in differing()])  # noqa: E731
    return undo_changes(context, receipt, differing, put_back, remains=remains)


def _locates(change: Change) -> bool:
    """Does it give a usage location to somebody who had none?"""
    return change.kind is ChangeKind.LICENCE and change.before["usage_location"] is None


def _address(change: Change) -> str:
    assert isinstance(change.subject, MailboxSubject), "this stage changes mailboxes"
    return change.subject.address


def _today(cloud: Tenant, kinds: dict[str, MailboxKind], change: Change) -> Any:
    address = _address(change)
    if change.kind is ChangeKind.MAILBOX_TYPE:
        return kinds[address]
    location, skus = cloud.users.licence_of(address)
    return {"usage_location": None if _locates(change) else location, "skus": sorted(skus)}


def _make(context: Context, changes: list[Change]) -> None:
    """Give each mailbox what stands in `after`."""
    cloud = context.tenant
    for change in changes:
        address, wanted = _address(change), change.after
        if change.kind is ChangeKind.MAILBOX_TYPE:
            cloud.mailboxes.set_kind(address, wanted)
        else:
            cloud.users.set_licence(address, wanted["usage_location"], frozenset(wanted["skus"]))
