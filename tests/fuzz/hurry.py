"""Time that passes only where somebody waits for it."""

from __future__ import annotations

import math

LONGEST = 3600.0
"""Seconds that a reader may wait at once because an answer says so; a night is eight hours."""


class WaitsWithoutEnd(Exception):
    """The reader was about to wait as long as a stranger wished, however long that was."""


def at_once(seconds: float) -> None:
    """Pass over a wait of any sensible length."""
    if not (math.isfinite(seconds) and seconds <= LONGEST):
        raise WaitsWithoutEnd(str(seconds))


class Hurry:
    """A clock that runs ahead instead of sleeping."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        at_once(seconds)
        self._now += max(seconds, 0.0)
