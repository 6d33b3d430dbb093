"""Where Mailmove copies the mailboxes itself: make people, shared mailboxes, rooms, contacts and groups in the tenant.

What stands there as wanted is left alone, and is not ours to undo. People get a user, a first password and a licence;
Microsoft makes their mailboxes minutes later, and only then can they have further addresses and belong to groups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailmove.changes import AddressSubject, Change, ChangeKind, MailboxSubject, MemberSubject, NamedSubject
from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Finding, PollResult, Preview, Receipt
from mailmove.inventory.wanted_recipients import nickname
from mailmove.leavable import Leavable, LeavableKind
from tasks.accounts.created_recipients import make_recipient, notes, settle
from tasks.accounts.recipient_comparison import Comparison, leavable
from tasks.accounts.removed_recipients import Removal
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.mover_choice import is_direct

NAME = "create_recipients"

Step = Callable[[Comparison], Preview]


def _objects(comparison: Comparison) -> Preview:
    return Preview(stage=NAME, changes=comparison.to_make(), findings=comparison.collisions())


def _licences(comparison: Comparison) -> Preview:
    """Only of users who stand there; blocked while the tenant has too few."""
    standing = {wanted.address for wanted in comparison.wanted if comparison.standing(wanted)}
    changes = [change for change in comparison.to_license() if _mailbox(change) in standing]
    short = _short(comparison, changes)
    return Preview(stage=NAME, changes=changes, findings=[short] if short else [])


def _addresses(comparison: Comparison) -> Preview:
    return Preview(stage=NAME, changes=comparison.to_address(now=True))


def _members(comparison: Comparison) -> Preview:
    return Preview(stage=NAME, changes=comparison.to_gather(now=True))


_AT_ONCE: tuple[Step, ...] = (_objects, _licences, _addresses, _members)
_LATER: tuple[Step, ...] = (_addresses, _members)


@check_task
def check(context: Context) -> Preview:
    """All that is to be made and given, and who holds an address, sign-in name or alias already."""
    if not is_direct(context):
        return Preview(stage=NAME)
    comparison = Comparison(context)
    changes = [
        *comparison.to_make(),
        *comparison.to_license(),
        *comparison.to_address(now=False),
        *comparison.to_gather(now=False),
    ]
    return Preview(
        stage=NAME, changes=changes, findings=[*context.tenant.creation.findings(), *comparison.collisions()]
    )


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Objects, then licences, then what can be given at once. Blocked: somebody else holds an address."""
    receipt = Receipt(stage=NAME)
    if not is_direct(context):
        return receipt
    _settle(context)
    for step in _AT_ONCE:
        receipt = _carry_out(context, step)
    return receipt


def _settle(context: Context) -> None:
    """What a killed try has left of recipients that stand there by now."""
    if not any(known.phase != "removed" for known in notes(context).values()):
        return
    comparison = Comparison(context)
    for wanted in comparison.wanted:
        if comparison.standing(wanted) is not None:
            settle(context, wanted)


def _carry_out(context: Context, step: Step) -> Receipt:
    seen: list[Comparison] = []

    def look() -> Preview:
        seen.append(Comparison(context))
        return step(seen[-1])

    return apply_changes(context, look, lambda preview: _make(context, seen[-1], preview.changes))


def _make(context: Context, comparison: Comparison, changes: list[Change]) -> None:
    wanted = {recipient.address: recipient for recipient in comparison.wanted}
    creation, taken = context.tenant.creation, comparison.taken
    for change in changes:
        context.fence()
        match change.subject:
            case NamedSubject(name=address):
                alias = nickname(address, taken)
                taken.add(alias)
                make_recipient(context, wanted[address], alias, leavable(wanted[address]))
            case MailboxSubject(address=address):
                skus = frozenset(change.after["skus"])
                context.tenant.users.set_licence(address, change.after["usage_location"], skus)
            case AddressSubject(recipient=address, address=alias):
                creation.change_addresses(wanted[address].kind, address, add=[alias], remove=[])
            case MemberSubject(group=group, member=member) if change.kind is ChangeKind.GROUP_OWNER:
                creation.change_owner(group, member, owns=True)
            case MemberSubject(group=group, member=member):
                creation.change_member(group, member, belongs=True)


def _short(comparison: Comparison, changes: list[Change]) -> Finding | None:
    """None: the licences suffice."""
    sku = comparison.context.plan.target.licence
    owned = [known for known in comparison.context.tenant.users.licences() if known.sku == sku] if changes else []
    free = sum(licence.owned - licence.used for licence in owned)
    if len(changes) <= free:
        return None
    return Finding(
        subject=f"licences {sku}",
        seen=f"{len(changes)} needed, {free} free",
        means="Without a licence Microsoft makes no mailbox, and nothing can be copied into it.",
        todo=f"Buy {len(changes) - free} more, then have it tried again.",
        blocks=True,
    )


def _mailbox(change: Change) -> str:
    assert isinstance(change.subject, MailboxSubject), "licences are of mailboxes"
    return change.subject.address


@verify_task
def verify(context: Context) -> Evidence:
    """NotYet while Microsoft makes mailboxes. What can be given only then is given here, written down like the rest."""
    if not is_direct(context):
        return record_evidence(context, NAME, ["not needed: Microsoft's batch makes mailboxes, contacts and groups"])
    for step in _LATER:
        if step(Comparison(context)).changes:
            _carry_out(context, step)
    comparison = Comparison(context)
    lacking = [*(wanted.address for wanted in comparison.absent), *comparison.mailboxes_missing()]
    open_changes = [*comparison.to_address(now=False), *comparison.to_gather(now=False)]
    if lacking or open_changes:
        waiting = list(dict.fromkeys([*lacking, *(change.words for change in open_changes)]))
        raise NotYet(
            "Microsoft 365",
            wanted="a mailbox for everybody who moves, with all its addresses",
            seen=f"{len(waiting)} are waited for: {', '.join(waiting[:10])}",
            todo="Microsoft makes mailboxes some minutes after the licence, seldom hours; it is looked at again.",
        )
    made = [address for address, known in notes(context).items() if known.phase in ("made", "claimed")]
    summary = f"{len(comparison.wanted)} recipients stand in the tenant, {len(made)} of them made by this cutover"
    return record_evidence(context, NAME, [summary, *comparison.strangers()])


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """Cheap enough to ask for hours: has everybody a mailbox?"""
    return await asyncio.to_thread(_poll, context)


def _poll(context: Context) -> PollResult:
    if not is_direct(context):
        return PollResult(done=True, summary="Microsoft's batch makes the mailboxes")
    arrived = context.tenant.mailboxes.kinds()
    boxes = context.source.inventory().moving
    missing = [box.address for box in boxes if box.address not in arrived]
    missing = [address for address in missing if not _is_left_out(context, address)]
    summary = f"{len(boxes) - len(missing)} of {len(boxes)} mailboxes are there"
    return PollResult(done=not missing, summary=summary, details=missing[:20])


def _is_left_out(context: Context, address: str) -> bool:
    return context.is_left_out(Leavable(kind=LeavableKind.MAILBOX, mailbox=address))


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Take away what we made and nobody has used; what was given to others is taken back from them.

    Used: the owner has changed the first password, or the mailbox holds more than our copies. What is not known stays,
    and is named.
    """
    removal = Removal(context, receipt)
    return undo_changes(context, receipt, removal.standing, removal.put_back, remains=removal.remains)
