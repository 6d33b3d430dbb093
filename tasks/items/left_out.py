"""What of the mail a stage cannot bring over: named, so that a person may leave it out; and what was decided about it.

Items count against `sweep.tolerated_missing`. A folder or a mailbox that cannot be read always asks a person, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailmove.errors import Blocked
from mailmove.items.copy.interfaces import Moved
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.item import Item
from mailmove.leavable import Leavable, LeavableKind
from mailmove.plan.left_by_plan import BY_PLAN, left_by_plan
from tasks.execution.context import Context
from tasks.ledger.payloads import LeftFolder, LeftItem, LeftOut

_NAMED = 20
"""Things named in a message; a message is read by people."""


def mailbox_or_folder(mailbox: str, path: FolderPath, folder_id: str, reason: str) -> Leavable:
    """A folder, or with path () the mailbox as a whole."""
    if not path:
        return Leavable(kind=LeavableKind.MAILBOX, mailbox=mailbox, reason=reason)
    return Leavable(kind=LeavableKind.FOLDER, mailbox=mailbox, folder=path, folder_id=folder_id, reason=reason)


def single_item(mailbox: str, item: Item, reason: str) -> Leavable:
    """An item of the source."""
    return Leavable(
        kind=LeavableKind.ITEM, mailbox=mailbox, item=item.id, folder=item.folder, subject=item.subject, reason=reason
    )


class Decisions:
    """What people have decided to do without in this cutover: by its plan, or in whichever stage."""

    def __init__(self, context: Context) -> None:
        self._by_plan = left_by_plan(context.plan)
        self._decided = [decision for _, decision in context.ledger.payloads(LeftOut)]

    def words(self, thing: Leavable) -> str:
        """Who decided to leave it, and why; "": nobody has."""
        if any(left.covers(thing) for left in self._by_plan):
            return BY_PLAN
        for decision in self._decided:
            if any(left.covers(thing) for left in decision.things):
                return decision.words
        return ""

    def undecided(self, things: Iterable[Leavable]) -> tuple[Leavable, ...]:
        """Those that a person is still to be asked about, each once."""
        return tuple({thing.key: thing for thing in things if not self.words(thing)}.values())


def left_item(mailbox: str, item: Item, why: str, decision: str = "") -> LeftItem:
    """For the ledger and the report."""
    return LeftItem(
        mailbox=mailbox, kind=item.kind, folder=shown(item.folder), subject=item.subject, reason=why, decision=decision
    )


def left_folder(thing: Leavable, decision: str = "") -> LeftFolder:
    """A mailbox or folder, for the ledger and the report."""
    return LeftFolder(mailbox=thing.mailbox, folder=thing.folder, reason=thing.reason, decision=decision)


def of_copy(moved: Sequence[Moved]) -> list[Leavable]:
    """Mailboxes and folders that a copy of ours could not read or write."""
    return [
        mailbox_or_folder(copy.mailbox, part.path, part.folder_id, part.why)
        for copy in moved
        for part in copy.not_copied
    ]


def ask_about(who: str, wanted: str, things: Sequence[Leavable], todo: str) -> Blocked:
    """The question about all of these at once."""
    more = f"; and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
    seen = f"{len(things)} cannot be moved: {'; '.join(map(str, things[:_NAMED]))}{more}"
    return Blocked(who, wanted=wanted, seen=seen, todo=todo, leaves=tuple(things))
