"""The port of servers whose clock can be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime


class HasClock(ABC):
    """A server with its own clock, by which it stamps its log."""

    @abstractmethod
    def clock(self) -> datetime:
        """The server's time, UTC; up to a second late, never early. Transient: it did not answer."""
