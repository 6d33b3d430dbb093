"""A server whose clock can be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime


class HasClock(ABC):
    """What it logs, it logs in its own time."""

    @abstractmethod
    def clock(self) -> datetime:
        """What time it has, UTC; up to a second behind, never ahead. Transient: it did not say."""
