"""A copy of our own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from mailmove.items.copy.interfaces import Moved
from mailmove.items.item import Item


class Mover(ABC):
    """Copies items by itself, where Microsoft's service cannot, or does not.

    Every act may be killed and repeated: what is there already is not copied again. NotYet, Transient, Throttled:
    call it again; it goes on where it stopped.
    """

    @abstractmethod
    def move(self, mailboxes: Sequence[str], told: Callable[[Sequence[Moved]], None] = lambda _: None) -> list[Moved]:
        """Everything in these mailboxes (SMTP addresses), several at once; what cannot be copied is named.

        told: called twice a minute, and at the end, with how far each of them is.
        """

    @abstractmethod
    def move_items(self, mailbox: str, items: Sequence[Item], *, tried_ago: float | None = 0.0) -> Moved:
        """Only these items of the source, which the target was found to lack.

        tried_ago: seconds since this was last tried, which may have died with a request under way; None: never.
        """
