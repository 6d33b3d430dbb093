"""Lanes: the ways to each resolver (port 53, or HTTPS), what each has shown so far, and the order in which to try them.

A network may let nothing out on port 53 but to its own resolver, or nothing but HTTPS. Which, shows by who answers: a
lane that was silent once is tried last, for every later question of the process.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import httpx

from mailmove.dns.client.answer import Server
from mailmove.dns.client.rate_limit import POLITE, QueryPace
from mailmove.dns.client.wire import Wire
from mailmove.plan.public_resolvers import doh_url, operator_at

_KEPT = 600.0
"""Seconds for which a lane counts as silent or failing; then it is tried like one that is not known."""
_LAST_LISTED = 1.0
"""Seconds by which an answer of a listed resolver may be later than one of the network's own, and is still preferred:
the network's own may show the inside of a split horizon."""


class Lane(NamedTuple):
    """One way to one resolver. doh: URL for DNS over HTTPS; None: port 53, by UDP and TCP."""

    server: Server
    doh: str | None = None

    @property
    def listed(self) -> bool:
        """Is it of the shipped list of public resolvers?"""
        return operator_at(self.server[0]) is not None


class Standing(IntEnum):
    """What a lane has shown, best first. FAILS: it answers, with an error code and nothing else so far."""

    ANSWERS, UNKNOWN, FAILS, SILENT = range(4)


class LaneMemory:
    """What lanes have shown; shared by all look-ups of a process. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[Lane, tuple[Standing, float, float]] = {}  # standing, noted at, seconds until an answer
        self.waiting = Counter[Server]()
        """Questions that are given to a server and have no answer yet."""
        self.by_tcp: set[Lane] = set()
        """Lanes at port 53 that answer by TCP, and not by UDP."""

    def standing(self, lane: Lane) -> Standing:
        standing, at, _ = self._shown.get(lane, (Standing.UNKNOWN, 0.0, 0.0))
        forgotten = standing in (Standing.FAILS, Standing.SILENT) and self._clock() - at > _KEPT
        return Standing.UNKNOWN if forgotten else standing

    def seconds(self, lane: Lane) -> float:
        """Seconds that its last answer took; 0: not known."""
        return self._shown[lane][2] if lane in self._shown else 0.0

    def note(self, lane: Lane, standing: Standing, seconds: float = 0.0) -> None:
        """Note what a question showed. An error code does not undo an answer: the name may be at fault."""
        if standing == Standing.FAILS and self.standing(lane) == Standing.ANSWERS:
            return
        self._shown[lane] = standing, self._clock(), seconds


MEMORY = LaneMemory()
"""What the whole process has learned."""


def listed_doh(server: Server) -> str | None:
    """The URL of the shipped list for the resolver; None: it has none, or is not at port 53."""
    return doh_url(server[0]) if server[1] == 53 else None


@dataclass(frozen=True)
class Ways:
    """How resolvers are asked. doh: server -> its URL for HTTPS. client: for HTTPS, not closed; None: one is made.

    wire: what sends. clock: seconds.
    """

    doh: Callable[[Server], str | None] = listed_doh
    client: httpx.AsyncClient | None = None
    memory: LaneMemory = field(default_factory=lambda: MEMORY)
    pace: QueryPace = POLITE
    wire: Wire = field(default_factory=Wire)
    clock: Callable[[], float] = time.monotonic


def lanes_of(resolvers: Sequence[Server], doh: Callable[[Server], str | None]) -> list[Lane]:
    """Every lane, in the order in which lanes that are not known are tried.

    Three of the given order first; then those that are not listed (the network's own), and HTTPS turn by turn.
    """
    plain = [Lane(server) for server in dict.fromkeys(resolvers)]
    secure = [Lane(server, url) for server in dict.fromkeys(resolvers) if (url := doh(server))]
    listed = [lane for lane in plain if lane.listed]
    own = [lane for lane in plain if not lane.listed]
    if not listed:
        listed, own = own, []
    first, rest = listed[:3], listed[3:]
    mixed: list[Lane] = []
    for index in range(max(len(secure), len(rest))):
        mixed += [*secure[index : index + 1], *rest[index : index + 1]]
    return [*first, *own[:2], *mixed, *own[2:]]


def in_order(lanes: Sequence[Lane], ways: Ways) -> list[Lane]:
    """The lanes, the best first: those that answer, by the time until they would; then the others as they come."""
    any_listed = any(lane.listed for lane in lanes)

    def cost(lane: Lane) -> tuple[int, int]:
        standing = ways.memory.standing(lane)
        if standing != Standing.ANSWERS:
            return standing, 0
        queued = ways.pace.wait(lane.server, ways.memory.waiting[lane.server])
        last = _LAST_LISTED if any_listed and not lane.listed else 0.0
        return standing, int((queued + ways.memory.seconds(lane) + last) * 10)

    return sorted(lanes, key=cost)


def is_address(host: str) -> bool:
    """Is the host of a URL an IP address?"""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
