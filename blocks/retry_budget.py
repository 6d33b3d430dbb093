"""How long a call to a remote may wait in all, and how often it is repeated: the one place that decides it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from mailmove.errors import Throttled, Transient

T = TypeVar("T")
logger = logging.getLogger(__name__)

MAX_TRIES = 6
LONGEST = 15.0
"""Seconds between two tries, where the other side names no time."""


def pause(seconds: float) -> None:
    time.sleep(seconds)


class Patience:
    """Of one call. seconds: to wait in all."""

    def __init__(self, seconds: float, sleep: Callable[[float], None] = pause) -> None:
        self._left, self._sleep, self._tries = seconds, sleep, 0

    def wait(self, error: Transient) -> None:
        """Sleep as long as the other side asked, or 1, 2, 4, ... seconds. Raises the error when there is no patience
        left for that."""
        self._tries += 1
        delay = error.retry_after if isinstance(error, Throttled) else min(2.0 ** (self._tries - 1), LONGEST)
        if delay > self._left or self._tries > MAX_TRIES:
            raise error from None  # what it came of may quote a header with our token
        logger.info("%s: %s; asking again in %.1f s", error.who, error.seen, delay)
        self._sleep(delay)
        self._left -= delay


def read_thrice(read: Callable[[], T | None], sleep: Callable[[float], None] = pause) -> T | None:
    """Read up to three times. None is believed only the third time: the replica that answers may lag after a change."""
    for delay in (1.0, 3.0):
        result = read()
        if result is not None:
            return result
        sleep(delay)
    return read()
