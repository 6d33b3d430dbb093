"""The direct mover: copies many mailboxes at once, each with its own checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from mailmove.errors import MailmoveError, SignInRefused, Transient
from mailmove.items.copy.checkpoint import Checkpoint, FileJournal, Journal, MemoryJournal, journal_name
from mailmove.items.copy.interfaces import Destination, Moved, NotCopied, Origin
from mailmove.items.copy.mailbox import MailboxCopy, Manners
from mailmove.items.item import Item
from mailmove.ports import Mover

AT_ONCE = 8
"""Mailboxes copied at the same time."""
TRIES = 3
"""Times that a mailbox is tried whose error may pass, before it is named as one that cannot be copied."""
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
        far = {mailbox: Moved(mailbox) for mailbox in mailboxes}
        failed: dict[str, MailmoveError] = {}
        waiting = list(far)
        for _ in range(TRIES):
            far |= {mailbox: Moved(mailbox) for mailbox in waiting}
            failed |= self._try(waiting, far, report)
            failed = {mailbox: error for mailbox, error in failed.items() if not far[mailbox].over}
            if failed and len(failed) == len(far):
                raise next(iter(failed.values()))  # nobody's mailbox can be copied: that is no mailbox's fault
            waiting = [mailbox for mailbox, error in failed.items() if isinstance(error, Transient)]
            if not waiting:
                break
        for mailbox, error in failed.items():
            far[mailbox].not_copied = [NotCopied((), error.seen)]
        return list(far.values())

    def _try(
        self, mailboxes: Sequence[str], far: dict[str, Moved], report: Callable[[Sequence[Moved]], None]
    ) -> dict[str, MailmoveError]:
        """Copy these, several at once; the error of each that could not be copied. Every one is tried before a refused
        sign-in, or what is no error of a server, is raised."""
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="mailbox") as pool:
            running = {mailbox: pool.submit(self._one, far[mailbox], None) for mailbox in mailboxes}
            while wait(running.values(), timeout=REPORT_SECONDS).not_done:
                report(list(far.values()))
        report(list(far.values()))
        failures = {mailbox: error for mailbox, future in running.items() if (error := future.exception()) is not None}
        for error in sorted(failures.values(), key=lambda failure: isinstance(failure, MailmoveError)):
            if not isinstance(error, MailmoveError) or isinstance(error, SignInRefused):
                raise error
        return {mailbox: error for mailbox, error in failures.items() if isinstance(error, MailmoveError)}

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
