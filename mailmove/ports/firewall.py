"""The port of firewalls in front of the old server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from mailmove.evidence import Finding
from mailmove.plan.values import Mode


class Firewall(ABC):
    """A firewall that opens and closes port 25 of the old server."""

    by_hand: ClassVar[bool] = False
    """True: a person makes the change; `set_allowed` raises ByHand until it is seen."""

    @abstractmethod
    def modes(self) -> frozenset[Mode]:
        """Modes in which it can close a port."""

    @abstractmethod
    def allowed(self, port: int) -> list[dict[str, Any]]:
        """Rules that allow a TCP port, in the vendor's form, sorted; empty: closed, and it stays closed."""

    @abstractmethod
    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Set the rules of this one port exactly. mode: how it is closed where there are no rules; None: the first of
        refuse, drop and reject that it has.

        Blocked, and nothing changed: a mode that is not among `modes`. A firewall that could lock us out opens the
        port again by itself, unless we have reached it again after closing.
        """

    def obstacles(self, port: int) -> list[Finding]:
        """Why `set_allowed(port, [])` would be Blocked in the cutover; empty: it would not."""
        return []
