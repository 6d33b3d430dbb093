"""Read what every mailbox holds on both sides: all of it at the first look, and only what has changed at later ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mailmove.errors import MailmoveError, SignInRefused, Transient
from mailmove.items.copy.checkpoint import journal_name
from mailmove.items.reconcile.changes import MailboxChanges, Side, Unread
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from tasks.execution.context import Context

AT_ONCE = 8
"""Mailboxes."""
TRIES = 3
"""Times that a mailbox is read whose error may pass, before it is named as one that cannot be read."""


def spool_path(folder: Path, address: str) -> Path:
    """Of a mailbox's spool."""
    return folder / f"{journal_name(address)}.sqlite"


def read_sides(context: Context, folder: Path, boxes: list[str]) -> dict[str, list[Unread]]:
    """Bring the spool of every mailbox up to date; address -> what of it could not be read, for all tries.

    folder: of the spools. Raised: a refused sign-in, a full disk, and an error that every mailbox has.
    """
    sides: tuple[tuple[int, Side, MailboxChanges], ...] = (
        # The source first: what arrives there meanwhile is for the next look, and never counts as lost.
        (SOURCE, "source", context.source.item_changes()),
        (TARGET, "target", context.tenant.items.changes()),
    )

    def read(address: str) -> tuple[list[Unread], MailmoveError | None]:
        unread: list[Unread] = []
        with Spool(spool_path(folder, address)) as spool:
            for number, side, changes in sides:
                try:
                    unread += spool.update(number, changes, address)
                except SignInRefused:
                    raise
                except MailmoveError as error:
                    return [*unread, Unread(side, (), error.seen, passing=isinstance(error, Transient))], error
        return unread, None

    unread: dict[str, list[Unread]] = {}
    errors: dict[str, MailmoveError] = {}
    waiting = boxes
    for _ in range(TRIES):
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="items of") as pool:
            readings = {address: pool.submit(read, address) for address in waiting}
        # Every mailbox has its chance before the first failure is told.
        for address, reading in readings.items():
            unread[address], error = reading.result()
            errors.pop(address, None)
            if error is not None:
                errors[address] = error
        if errors and len(errors) == len(boxes):
            raise next(iter(errors.values()))  # nobody's mailbox can be read: that is no mailbox's fault
        waiting = [address for address in boxes if any(part.passing for part in unread[address])]
        if not waiting:
            break
    return unread
