"""Limit the rate of questions to one resolver and to one operator."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from mailmove.dns.client.answer import Server
from mailmove.plan.public_resolvers import operator_of


class QueryPace:
    """Token buckets by server and by operator (the shipped list says which addresses are of one).

    per_server, per_operator: questions a second in the long run; burst: at once, after a rest. Servers on
    loopback are our own and have no limit. One QueryPace is shared by everything in a process.
    """

    def __init__(
        self,
        per_server: float = 20.0,
        per_operator: float = 40.0,
        burst: int = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates, self._burst, self._clock = (per_server, per_operator), burst, clock
        self._full: dict[str, float] = {}  # when a bucket is full again
        self._buckets: dict[str, tuple[str, ...]] = {}

    def due(self, server: Server) -> float:
        """When the server may be asked next, by `clock`; a time in the past: now."""
        times = [
            self._full.get(bucket, 0.0) - (self._burst - 1) / rate
            for bucket, rate in zip(self._of(server), self._rates, strict=False)
        ]
        return max(times, default=0.0)

    def wait(self, server: Server, waiting: int) -> float:
        """Seconds until one more question may go to the server, when `waiting` others go before it; 0: no limit."""
        at = self._clock()
        times = [
            max(at, self._full.get(bucket, 0.0)) + (waiting - (self._burst - 1)) / rate
            for bucket, rate in zip(self._of(server), self._rates, strict=False)
        ]
        return max(0.0, max(times, default=at) - at)

    def sent(self, server: Server) -> None:
        """Take a token from each of its buckets."""
        at = self._clock()
        for bucket, rate in zip(self._of(server), self._rates, strict=False):
            self._full[bucket] = max(at, self._full.get(bucket, 0.0)) + 1 / rate

    def _of(self, server: Server) -> tuple[str, ...]:
        address = server[0]
        if address not in self._buckets:
            own = ipaddress.ip_address(address).is_loopback
            self._buckets[address] = () if own else (address, f"operator {operator_of(address)}")
        return self._buckets[address]


POLITE = QueryPace()
"""The limit that the whole process shares, unless a caller gives another."""
