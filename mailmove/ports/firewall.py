"""What stands before the old server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from mailmove.evidence import Finding
from mailmove.plan.values import Mode


class Firewall(ABC):
    """What opens and closes port 25 of the old server."""

    by_hand: ClassVar[bool] = False
    """True: a person makes the change; `set_allowed` raises ByHand until it is seen."""

    @abstractmethod
    def modes(self) -> frozenset[Mode]:
        """What a late sender can be made to meet here."""

    @abstractmethod
    def allowed(self, port: int) -> list[dict[str, Any]]:
        """The rules that let a TCP port in, as the vendor spells them, sorted; empty: closed, and it stays so."""

    @abstractmethod
    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Make the rules for this one port exactly so; `mode`: what a sender meets where there are none; None:
        the first of refuse, drop and reject that it can do.

        Blocked, and nothing changed: a mode that is not among `modes`. A firewall that could lock us out undoes a
        closing by itself, unless we have reached it once more after it.
        """

    def obstacles(self, port: int) -> list[Finding]:
        """Why `set_allowed(port, [])` would be Blocked in the cutover; empty: it would not."""
        return []
