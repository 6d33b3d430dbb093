"""After the first sync: the names by which old mail knows people, so that a reply to it arrives.

Outlook answers internal mail by legacyExchangeDN. Kept as an X500 proxy address, such a reply finds its way; lost, it
bounces as IMCEAEX 5.1.1 (KB 2807779).
"""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, MailboxSubject
from mailmove.evidence import Evidence, Preview, Receipt
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "restore_x500_addresses"


def _preview(context: Context) -> Preview:
    standing, changes = context.tenant.mailboxes.x500(), []
    for box in context.source.inventory().moving:
        names = standing.get(box.address)
        if names is None:
            continue  # not copied yet
        spelt = {name.lower() for name in names}
        lacking = {name for name in (box.legacy_exchange_dn, *box.x500) if name and name.lower() not in spelt}
        if lacking:
            subject = MailboxSubject(address=box.address)
            before, after = sorted(names), sorted(names | lacking)
            changes.append(Change(kind=ChangeKind.X500_ADDRESSES, subject=subject, before=before, after=after))
    return Preview(stage=NAME, changes=changes)


@check_task
def check(context: Context) -> Preview:
    """Which mailboxes lack a name that they had on the old server."""
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Only added to: what Microsoft or somebody else has put there stays."""

    def add(preview: Preview) -> None:
        for change in preview.changes:
            context.tenant.mailboxes.change_x500(_address(change), add=_added(change), remove=frozenset())

    return apply_changes(context, lambda: _preview(context), add, approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    """Read back from every mailbox."""
    names = context.tenant.mailboxes.x500()
    boxes = [box.address for box in context.source.inventory().moving]
    return record_evidence(
        context, NAME, [f"{address}: {len(names.get(address, ()))} X500 addresses" for address in boxes]
    )


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Take away what we added; mailboxes that are gone are left."""

    def standing() -> dict[str, frozenset[str]]:
        known = context.tenant.mailboxes.x500()
        left = {
            _address(change): _added(change) & known.get(_address(change), frozenset()) for change in receipt.changes
        }
        return {address: names for address, names in left.items() if names}

    def remove() -> None:
        for address, names in standing().items():
            context.tenant.mailboxes.change_x500(address, add=frozenset(), remove=names)

    def differing() -> list[Change]:
        left = standing()
        return [change for change in receipt.changes if _address(change) in left]

    return undo_changes(context, receipt, differing, remove)


def _address(change: Change) -> str:
    assert isinstance(change.subject, MailboxSubject), "this stage changes mailboxes"
    return change.subject.address


def _added(change: Change) -> frozenset[str]:
    return frozenset(change.after) - frozenset(change.before)
