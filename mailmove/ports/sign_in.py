"""Blocks as which a person signs in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable


class TakesSignIn(ABC):
    """A block as which a person can sign in: with a code that they type in a browser anywhere, or in one here."""

    @abstractmethod
    def sign_in(self, show: Callable[[str], None]) -> str:
        """Show the person a code, wait, and return who signed in.

        show: is given the words for the person. The block keeps what the sign-in left, and must be saved. NotYet:
        nobody came. Refused: the person declined, or the application may not ask so.
        """

    @abstractmethod
    def sign_in_by_browser(self, show: Callable[[str], None], *, port: int = 0) -> str:
        """The same in a browser on this machine, which comes back to a port of ours on loopback; 0: any free one."""
