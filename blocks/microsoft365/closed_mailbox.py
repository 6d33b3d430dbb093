"""Names the mailbox that Microsoft does not open, as a thing that a cutover can do without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blocks.microsoft365.answers import MailboxClosed
from mailmove.leavable import Leavable, LeavableKind


@contextmanager
def opened(mailbox: str) -> Iterator[None]:
    """A MailboxClosed inside says which mailbox may be left out."""
    try:
        yield
    except MailboxClosed as error:
        error.leaves = (Leavable(kind=LeavableKind.MAILBOX, mailbox=mailbox, reason=error.seen),)
        raise
