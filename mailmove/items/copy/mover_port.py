"""The port of the mover that copies items itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from mailmove.items.copy.interfaces import Moved
from mailmove.items.item import Item


class Mover(ABC):
    """Copies items itself, where Microsoft's migration service cannot.

    Idempotent: every call may be killed and repeated, and copies only what the target lacks. NotYet, Transient,
    Throttled: call it again; it resumes where it stopped.
    """

    @abstractmethod
    def move(self, mailboxes: Sequence[str], report: Callable[[Sequence[Moved]], None] = lambda _: None) -> list[Moved]:
        """Copy everything in these mailboxes (SMTP addresses), several at once; items not copied are in `Moved.left`,
        folders and mailboxes in `Moved.not_copied`.

        Raised: a refused sign-in, a full disk, and an error that all of them have.

        report: called twice a minute, and at the end, with the progress of each mailbox.
        """

    @abstractmethod
    def move_items(self, mailbox: str, items: Sequence[Item], *, tried_ago: float | None = 0.0) -> Moved:
        """Copy only these items of the source, which the target lacks.

        tried_ago: seconds since the last attempt, which may have crashed with a request in flight; None: never tried.
        """
