"""The direct mover: copies many mailboxes at once, each with its own checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from mailmove.errors import MailmoveError
from mailmove.items.copy.checkpoint import Checkpoint, FileJournal, Journal, MemoryJournal, journal_name
from mailmove.items.copy.interfaces import Destination, Moved, Origin
from mailmove.items.copy.mailbox import MailboxCopy, Manners
from mailmove.items.item import Item
from mailmove.ports import Mover

AT_ONCE = 8
"""Mailboxes copied at the same time."""
REPORT_SECONDS = 30.0
"""Seconds between two progress reports of a move."""


class DirectMover(Mover):
    """Copies items from the old server's EWS to Microsoft Graph.

    journal: gives each mailbox's journal; `in_folder(path)` keeps them as files. Without a journal it compares each
    folder of both sides first: slower, and as safe.
    """

    def __init__(
        self,
        origin: Origin,
        destination: Destination,
        journal: Callable[[str], Journal] | None = None,
        manners: Manners | None = None,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._origin, self._destination = origin, destination
        self._journal = journal or (lambda _: MemoryJournal())
        self._manners, self._at_once = manners or Manners(), at_once

    def move(self, mailboxes: Sequence[str], report: Callable[[Sequence[Moved]], None] = lambda _: None) -> list[Moved]:
        far = [Moved(mailbox) for mailbox in mailboxes]
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="mailbox") as pool:
            running = [pool.submit(self._one, moved, None) for moved in far]
            while wait(running, timeout=REPORT_SECONDS).not_done:
                report(far)
        report(far)
        # Every mailbox is tried before the first failure is raised.
        failures = [error for future in running if (error := future.exception()) is not None]
        for error in sorted(failures, key=lambda failure: isinstance(failure, MailmoveError)):
            raise error
        return [future.result() for future in running]

    def move_items(self, mailbox: str, items: Sequence[Item], *, tried_ago: float | None = 0.0) -> Moved:
        return self._one(Moved(mailbox), items, tried_ago)

    def _one(self, moved: Moved, items: Sequence[Item] | None, tried_ago: float | None = 0.0) -> Moved:
        journal = self._journal(moved.mailbox)
        try:
            copy = MailboxCopy(moved, self._origin, self._destination, Checkpoint(journal), self._manners)
            return copy.run() if items is None else copy.run_items(items, tried_ago)
        finally:
            journal.close()


def in_folder(folder: Path) -> Callable[[str], Journal]:
    """Journals as files of one folder; one cutover, one folder."""
    return lambda mailbox: FileJournal(folder / f"{journal_name(mailbox)}.journal")
