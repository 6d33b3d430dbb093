"""The port of servers whose clock can be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime


class HasClock(ABC):
    """A server whose logs bear the time of its own clock."""

    @abstractmethod
    def clock(self) -> datetime:
        """Read its clock, in UTC; up to a second slow, never fast. Transient: it gives no time."""
