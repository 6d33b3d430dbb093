"""Questions about a tenant of which some may be refused: each is answered, or named with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from blocks.microsoft365.answers import Rejected
from mailmove.errors import AnswerUnreadable, Refused, SignInRefused

Read = TypeVar("Read")


class Unseen(dict[str, str]):
    """What was asked -> what was answered instead."""

    def ask(self, what: str, read: Callable[[], Read]) -> Read | None:
        """None, and named: our role may not, there is no such thing, or the answer is unreadable. A refused sign-in is
        raised: it would refuse all the others, too."""
        try:
            return read()
        except SignInRefused:
            raise
        except (Refused, Rejected, AnswerUnreadable) as error:
            self[what] = error.seen
            return None
