"""Our own copy of whole mailboxes, where the plan says `mover: direct`."""

from __future__ import annotations

from prefect.settings import PREFECT_HOME

from mailmove.disk_full import room_in
from mailmove.errors import Blocked
from mailmove.items.copy.interfaces import Moved
from mailmove.items.copy.mover import DirectMover, in_folder
from mailmove.ports import SourceServer, TenantItems
from tasks.execution.context import Context
from tasks.items.copy_progress import CopyProgress
from tasks.items.fenced_destination import FencedDestination
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.payloads import CopiedMailbox, MailboxCopy


def is_direct(context: Context) -> bool:
    return context.plan.target.mover == "direct"


def copy_mailboxes(context: Context) -> list[Moved]:
    """Everything that is not there yet. Called again, it goes on where it stopped.

    Its journals lie on this worker's disk; where they are lost, both sides are compared first. Blocked: a mailbox is
    missing in the tenant.
    """
    missing = missing_mailboxes(context)
    if missing:
        raise Blocked(
            "Exchange Online",
            wanted="a mailbox for everybody who moves",
            seen=f"none for {', '.join(missing)}",
            todo="Make them in the admin centre: people with a licence, shared, room and equipment mailboxes as such.",
        )
    origin, destination = sides(context)
    folder = PREFECT_HOME.value() / "mailmove" / context.plan.customer / str(context.root)
    folder.mkdir(parents=True, exist_ok=True)
    context.fence()
    target = FencedDestination(context, destination.destination())
    mover = DirectMover(origin.origin(), target, in_folder(folder))
    boxes = [box.address for box in context.source.inventory().moving]
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
    """Write down what a copy came to, for this stage; what was left is named."""
    copied = [
        CopiedMailbox(mailbox=copy.mailbox, copied=copy.copied, present=copy.already_present, left=len(copy.left))
        for copy in moved
    ]
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=MailboxCopy(mailboxes=copied), facts=_lines(moved))


def copies(context: Context) -> list[Entry]:
    """What this stage has written down of its copies, oldest first."""
    return [entry for entry, _ in context.ledger.payloads(MailboxCopy, context.stage)]


def _lines(moved: list[Moved]) -> list[str]:
    counted = [f"{copy.mailbox}: {copy.copied} items copied, {copy.already_present} there already" for copy in moved]
    left = [
        f"{copy.mailbox}: left {item.kind} '{item.subject}' in {item.folder}: {why}"
        for copy in moved
        for item, why in copy.left
    ]
    return [*counted, *left]
