"""The clock of this process: the time, and waiting for it. A rehearsal or a test may set another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class Clock:
    """The computer's own clock.

    ahead: how far it is wrong, on purpose. pace: by how much pauses between tries are shortened.
    """

    def __init__(self, *, ahead: timedelta = timedelta(0), pace: float = 1.0) -> None:
        self.ahead, self.pace = ahead, pace

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        """Seconds since some moment; it never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Until a time that was reckoned."""
        time.sleep(max(0.0, seconds))

    def pause(self, seconds: float) -> None:
        """Between two tries of the same thing."""
        time.sleep(seconds / self.pace)


_clock = Clock()


def clock() -> Clock:
    """The clock that counts in this process."""
    return _clock


def now() -> datetime:
    """The time, aware and in UTC."""
    return _clock.now()


def set_clock(other: Clock) -> Clock:
    """From here on another clock counts, in every thread; returns the one before."""
    global _clock  # one process, one time
    before, _clock = _clock, other
    return before


@contextmanager
def clock_set(other: Clock) -> Iterator[None]:
    """Within, another clock counts."""
    before = set_clock(other)
    try:
        yield
    finally:
        set_clock(before)
