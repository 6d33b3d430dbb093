"""Rate limits per mailbox: requests are delayed on our side, so that Microsoft seldom throttles."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LONGEST_HOLD = 600.0
"""Seconds that a server's wish to wait is followed before it is asked again; Exchange's own end at five minutes
(learn.microsoft.com/exchange/client-developer/exchange-web-services/ews-throttling-in-exchange)."""


@dataclass(frozen=True)
class Limits:
    """Limits of one mailbox for one application (learn.microsoft.com/graph/throttling-limits, Outlook).

    requests: in `requests_span` seconds. upload: bytes in `upload_span` seconds. at_once: requests in flight.
    """

    requests: int = 10_000
    requests_span: float = 600.0
    upload: int = 150_000_000
    upload_span: float = 300.0
    at_once: int = 4


UNLIMITED = Limits(requests=10**12, upload=10**15)
"""Limits for rehearsals and measurements: only the number of requests in flight is bounded."""


@dataclass
class _Window:
    """A sliding window: at most `most` in any `span` seconds."""

    most: int
    span: float
    _spent: deque[tuple[float, int]] = field(default_factory=deque)
    _sum: int = 0

    def wait(self, amount: int, now: float) -> float:
        """Seconds until `amount` fits; an amount above the limit goes when the window is empty."""
        while self._spent and self._spent[0][0] <= now - self.span:
            self._sum -= self._spent.popleft()[1]
        over = self._sum + amount - self.most
        if over <= 0 or not self._spent:
            return 0.0
        for at, spent in self._spent:
            over -= spent
            if over <= 0:
                return at + self.span - now
        return self._spent[-1][0] + self.span - now

    def spend(self, amount: int, now: float) -> None:
        self._spent.append((now, amount))
        self._sum += amount


def bounded(seconds: float) -> float:
    """A server's wish to wait, as far as it is followed before it is asked again."""
    return min(max(seconds, 0.0), LONGEST_HOLD) if math.isfinite(seconds) else LONGEST_HOLD


class Pace:
    """Rate limiter of one mailbox: `with pace.slot(requests=20, upload=60_000):` waits as the limits demand. Safe for
    threads."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or Limits()
        self._clock, self._sleep = clock, sleep
        self._requests = _Window(self.limits.requests, self.limits.requests_span)
        self._upload = _Window(self.limits.upload, self.limits.upload_span)
        self._inside = threading.Semaphore(self.limits.at_once)
        self._lock = threading.Lock()
        self._paused_until = float("-inf")

    @contextmanager
    def slot(self, *, requests: int = 1, upload: int = 0) -> Iterator[None]:
        with self._inside:
            while (delay := self._try(requests, upload)) > 0:
                self._sleep(delay)
            yield

    def hold(self, seconds: float) -> None:
        """Start no request for so many seconds, as the server asked (Retry-After), or for `LONGEST_HOLD`."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + bounded(seconds))

    def _try(self, requests: int, upload: int) -> float:
        with self._lock:
            now = self._clock()
            delay = max(self._paused_until - now, self._requests.wait(requests, now), self._upload.wait(upload, now))
            if delay > 0:
                return delay
            self._requests.spend(requests, now)
            self._upload.spend(upload, now)
            return 0.0
