"""Our own copy of whole mailboxes (`mover: direct`)."""

from __future__ import annotations

from prefect.settings import PREFECT_HOME

from mailmove.disk_full import room_in
from mailmove.errors import Blocked
from mailmove.items.copy.interfaces import Moved
from mailmove.items.copy.losses import loss_of
from mailmove.items.copy.mover import DirectMover, in_folder
from mailmove.items.copy.ways import WORDS
from mailmove.items.item_class import people_call
from mailmove.ports import SourceServer, TenantItems
from tasks.execution.context import Context
from tasks.items.copy_progress import CopyProgress
from tasks.items.fenced_destination import FencedDestination
from tasks.items.left_out import Decisions, ask_about, left_folder, mailbox_or_folder, of_copy
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.payloads import CopiedMailbox, MailboxCopy, WentBy


def copy_mailboxes(context: Context) -> list[Moved]:
    """Everything that is not there yet. Called again, it goes on where it stopped.

    Its journals lie on this worker's disk; where they are lost, both sides are compared first. Blocked: a mailbox is
    missing in the tenant. A mailbox that a person left out is not copied.
    """
    decisions = Decisions(context)
    missing = [
        address for address in missing_mailboxes(context) if not decisions.words(mailbox_or_folder(address, (), "", ""))
    ]
    if missing:
        raise Blocked(
            "Exchange Online",
            wanted="a mailbox for everybody who moves",
            seen=f"none for {', '.join(missing)}",
            todo="They stood there when `create_recipients` was done: see in the admin centre what became of them. Or "
            "make them by hand: people with a licence, shared, room and equipment mailboxes as such.",
            leaves=tuple(mailbox_or_folder(address, (), "", "it is not in the tenant") for address in missing),
        )
    origin, destination = sides(context)
    folder = PREFECT_HOME.value() / "mailmove" / context.plan.customer / str(context.root)
    folder.mkdir(parents=True, exist_ok=True)
    context.fence()
    target = FencedDestination(context, destination.destination())
    mover = DirectMover(origin.origin(), target, in_folder(folder))
    boxes = [
        box.address
        for box in context.source.inventory().moving
        if not decisions.words(mailbox_or_folder(box.address, (), "", ""))
    ]
    with room_in(folder):
        return mover.move(boxes, CopyProgress(context).show)


def missing_mailboxes(context: Context) -> list[str]:
    arrived = context.tenant.mailboxes.kinds()
    return [box.address for box in context.source.inventory().moving if box.address not in arrived]


def sides(context: Context) -> tuple[SourceServer, TenantItems]:
    """From where a copy of our own reads, and where it stores."""
    source, cloud = context.source, context.tenant
    return source, cloud.items


def record_copy(context: Context, moved: list[Moved]) -> None:
    """Write down what a copy came to, for this stage; what was left is named.

    Blocked: a mailbox or folder was not copied, and nobody has decided yet to do without it; the others were.
    """
    copied = [
        CopiedMailbox(
            mailbox=copy.mailbox,
            copied=copy.copied,
            present=copy.already_present,
            left=len(copy.left),
            reduced=len(copy.reduced),
            ways=[
                WentBy(way=way, item_class=family, items=count) for (way, family), count in sorted(copy.by_way.items())
            ],
        )
        for copy in moved
    ]
    decisions, things = Decisions(context), of_copy(moved)
    left = [left_folder(thing, decisions.words(thing)) for thing in things]
    payload = MailboxCopy(mailboxes=copied, not_copied=left)
    facts = [*_lines(moved), *(f"not copied: {folder}" for folder in left)]
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=payload, facts=facts)
    if undecided := decisions.undecided(things):
        raise ask_about(
            "our own copy",
            "every folder of every mailbox at Microsoft 365",
            undecided,
            "Everything else was copied. Mend it, and it is tried again; or leave it out.",
        )


def copies(context: Context) -> list[Entry]:
    """What this stage has written down of its copies, oldest first."""
    return [entry for entry, _ in context.ledger.payloads(MailboxCopy, context.stage)]


def _lines(moved: list[Moved]) -> list[str]:
    counted = [f"{copy.mailbox}: {copy.copied} items copied, {copy.already_present} there already" for copy in moved]
    left = [f"{copy.mailbox}: left {item.title}: {why}" for copy in moved for item, why in copy.left]
    reduced = [f"{copy.mailbox}: copied {item.title} without {what}" for copy in moved for item, what in copy.reduced]
    ways = [
        f"{copy.mailbox}: {count} {people_call(family)} {WORDS[way]}{_lost(loss_of(way, family))}"
        for copy in moved
        for (way, family), count in sorted(copy.by_way.items())
    ]
    return [*counted, *ways, *left, *reduced]


def _lost(loss: str) -> str:
    return f", without {loss}" if loss else ""
