"""Politeness: how often one resolver, and one operator, may be asked by this process."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from mailmove.dns.client.answer import Server
from mailmove.plan.public_resolvers import operator_of


class Pace:
    """Token buckets by server and by operator (the shipped list tells which addresses are of one).

    per_server, per_operator: questions a second in the long run; burst: at once, after a rest. Whoever sits on
    loopback is our own and may be asked freely. One Pace is shared by everything in a process.
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
        """When the server may be asked next, by `clock`; the past: now."""
        times = [
            self._full.get(bucket, 0.0) - (self._burst - 1) / rate
            for bucket, rate in zip(self._of(server), self._rates, strict=False)
        ]
        return max(times, default=0.0)

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


POLITE = Pace()
"""What everything uses that is not told otherwise."""
