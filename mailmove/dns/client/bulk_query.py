"""Very many questions to very many servers at once, from a few shared sockets in one process.

Each question has a random id, random case in its name ("0x20") and one of several source ports; an answer counts only
if the id, the address it comes from, and the question to the letter are those that were sent. What is lost is sent
again; what is truncated is fetched by TCP; where port 53 is silent, TCP and HTTPS are tried beside it.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import httpx

from mailmove.dns.client.answer import Answer, Server, Via
from mailmove.dns.client.messages import NO_EDNS, Asking, Facts, Query, read_slowly
from mailmove.dns.client.rate_limit import POLITE, Pace
from mailmove.dns.client.tcp_and_https import by_https, by_tcp
from mailmove.dns.client.udp_sockets import UdpPort, family_of, normal
from mailmove.evidence import now

_AGAIN, _OTHER_WAYS = (0.25, 0.55), 0.6
"""When a question is sent again, and tried by TCP or HTTPS, as shares of its time. Some hang before serving stale."""
_PORTS = 8  # sockets for each address family
_UNDER_WAY, _AT_ONE_SERVER = 1024, 16
_BATCH = 64  # packets sent before answers are read again
_TICK = 0.02  # seconds
_STREAMS = 32  # TCP and HTTPS connections at the same time


class Question(NamedTuple):
    """`doh`: where the same resolver takes DNS over HTTPS; None: nowhere. `rdclass` CH asks a server about itself."""

    server: Server
    name: str
    type: str
    recursive: bool = True
    doh: str | None = None
    rdclass: str = "IN"


_NONE = Query(-1, b"", b"")


class _Flight:
    """One question under way."""

    __slots__ = (
        "asking", "at", "dead", "edns", "index", "lane", "port", "query", "question", "seen", "server", "task", "wire"
    )  # fmt: skip

    def __init__(self, index: int, question: Question, asking: Asking, lane: _Lane, at: float) -> None:
        self.index, self.question, self.asking, self.lane, self.at = index, question, asking, lane, at
        self.server, self.seen, self.edns, self.dead = lane.server, "timeout", True, False
        self.query = _NONE
        self.wire = b""
        self.port: UdpPort | None = lane.ports[int(random.random() * len(lane.ports))]  # noqa: S311 - None: landed
        self.task: asyncio.Task[None] | None = None


class _Lane:
    """What one server is still to be asked."""

    __slots__ = ("flying", "ports", "resting", "server", "text", "waiting")

    def __init__(self, server: Server, text: str, ports: Sequence[UdpPort]) -> None:
        self.server, self.text, self.ports, self.waiting = server, text, ports, deque[int]()
        self.flying, self.resting = 0, False


async def ask_many(
    questions: Sequence[Question],
    *,
    timeout: float = 5.0,
    pace: Pace | None = POLITE,
    client: httpx.AsyncClient | None = None,
) -> list[Answer]:
    """The answers, in the order of the questions. Trouble on the network is `Answer.error`, never an exception.

    timeout: seconds for each question from when it is first sent, all ways and tries together. pace: None asks as
    fast as it goes; for benchmarks on loopback. client: for DNS over HTTPS, where a private root must be trusted.
    ValueError: a question with a server that is no IP address, or with a name that is no DNS name.
    """
    if not questions:
        return []
    sweep = _Sweep(questions, timeout, pace, client)
    try:
        return await sweep.run()
    finally:
        await sweep.close()


class _Sweep:
    def __init__(
        self, questions: Sequence[Question], timeout: float, pace: Pace | None, client: httpx.AsyncClient | None
    ) -> None:
        self._questions, self._timeout, self._pace = questions, timeout, pace
        self._client, self._own_client = client, client is None
        self._streams = asyncio.Semaphore(_STREAMS)
        self._loop = asyncio.get_running_loop()
        self._now, self._clock = now(), time.monotonic()  # of the packets that are being read
        self._answers: list[Answer | None] = [None] * len(questions)
        self._left, self._flying, self._turn = len(questions), 0, 0
        self._acts = (*((share, self._send) for share in _AGAIN), (_OTHER_WAYS, self._other_ways), (1.0, self._give_up))
        self._due = [deque[_Flight]() for _ in self._acts]  # who comes to which next; each in the order of time
        self._askings: list[Asking] = []  # of each question
        self._ready: list[tuple[float, int, _Lane]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ports: list[UdpPort] = []
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._again: asyncio.TimerHandle | asyncio.Handle | None = None
        self._line_up()

    def _line_up(self) -> None:
        """One lane for each server, in the order in which they are first named, so that nobody gets a burst."""
        known: dict[tuple[str, str, bool, str], Asking] = {}
        lanes: dict[Server, _Lane] = {}
        families = {family_of(question.server) for question in self._questions}
        each = min(_PORTS, len(self._questions))
        try:
            for family in families:
                self._ports += [UdpPort(family) for _ in range(each)]
            by_family = {family: [port for port in self._ports if port.family == family] for family in families}
            for index, (server, name, rtype, recursive, _, rdclass) in enumerate(self._questions):
                what = (name, rtype, recursive, rdclass)
                if what not in known:
                    known[what] = Asking(name, rtype, recursive=recursive, rdclass=rdclass)
                if server not in lanes:
                    lanes[server] = _Lane(normal(server), f"{server[0]}:{server[1]}", by_family[family_of(server)])
                self._askings.append(known[what])
                lanes[server].waiting.append(index)
        except BaseException:
            self._close_ports()
            raise
        for lane in lanes.values():
            self._queue(lane)

    async def run(self) -> list[Answer]:
        for port in self._ports:
            self._loop.add_reader(port.socket.fileno(), self._read, port)
        self._pump()
        ticking = self._loop.create_task(self._tick())
        try:
            await self._done
        finally:
            ticking.cancel()
        return [answer for answer in self._answers if answer is not None]

    async def close(self) -> None:
        for port in self._ports:
            self._loop.remove_reader(port.socket.fileno())
        self._close_ports()
        if self._again:
            self._again.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client and self._own_client:
            await self._client.aclose()

    def _close_ports(self) -> None:
        for port in self._ports:
            port.close()

    # Sending

    def _queue(self, lane: _Lane) -> None:
        self._turn += 1
        heapq.heappush(self._ready, (self._pace.due(lane.server) if self._pace else 0.0, self._turn, lane))

    def _pump(self) -> None:
        """Send what may be sent now, in turn."""
        self._again = None
        at, sent = time.monotonic(), 0
        while self._ready and self._flying < _UNDER_WAY:
            when, _, lane = self._ready[0]
            if when > at:
                self._again = self._loop.call_later(when - at, self._pump)
                return
            if sent == _BATCH:
                self._again = self._loop.call_soon(self._pump)
                return
            heapq.heappop(self._ready)
            if self._pace and self._pace.due(lane.server) > at:  # another server of the operator was asked since
                self._queue(lane)
                continue
            if lane.flying >= _AT_ONE_SERVER:
                lane.resting = True
                continue
            self._take_off(lane, at)
            sent += 1
            if lane.waiting:
                self._queue(lane)

    def _take_off(self, lane: _Lane, at: float) -> None:
        index = lane.waiting.popleft()
        flight = _Flight(index, self._questions[index], self._askings[index], lane, at)
        self._flying += 1
        lane.flying += 1
        self._say(flight)
        self._due[0].append(flight)

    def _say(self, flight: _Flight) -> None:
        """Send the question, under an id that nobody else has at this port."""
        assert flight.port is not None
        pending = flight.port.pending
        pending.pop(flight.query.id, None)
        query = flight.asking.query(edns=flight.edns)
        while query.id in pending:
            query = flight.asking.query(edns=flight.edns)
        flight.query, flight.wire = query, query.wire
        pending[query.id] = flight
        self._send(flight)

    def _send(self, flight: _Flight) -> None:
        assert flight.port is not None
        if self._pace:
            self._pace.sent(flight.server)
        flight.seen = flight.port.send(flight.wire, flight.server) or flight.seen

    async def _tick(self) -> None:
        """Send again, try other ways, give up: each has its queue, and whoever has landed drops out of it."""
        while True:
            at = time.monotonic()
            for (share, act), due, then in zip(self._acts, self._due, (*self._due[1:], None), strict=True):
                while due and (due[0].port is None or due[0].at + share * self._timeout <= at):
                    flight = due.popleft()
                    if flight.port is not None:
                        act(flight)
                        if then is not None:
                            then.append(flight)
            await asyncio.sleep(min(_TICK, self._timeout / 20))

    # Receiving

    def _read(self, port: UdpPort) -> None:
        self._now, self._clock = now(), time.monotonic()
        port.receive(self._take, self._unreachable)

    def _take(self, flight: _Flight, wire: bytes) -> None:
        """A packet with the right id from the right server: is it the answer?"""
        flags = wire[2] << 8 | wire[3]
        if flags & 0xF800 != 0x8000:  # not a response, or not to a query
            flight.seen = "malformed"
        elif not wire.startswith(flight.query.question, 12):
            self._doubt(flight, wire)
        elif flags & 0x0200:
            self._other_ways(flight, "truncated")
        else:
            self._judge(flight, flight.asking.read(wire))

    def _doubt(self, flight: _Flight, wire: bytes) -> None:
        """Not the question as it was sent: an error without any question counts, nothing else does."""
        facts = read_slowly(wire, flight.asking, same_id=flight.query.id)
        if facts and not any(wire[4:6]):
            self._judge(flight, facts)
        elif facts:  # the right name in another case: TCP needs no such proof
            self._other_ways(flight, "does not keep the case of names")
        else:
            flight.seen = "malformed"

    def _judge(self, flight: _Flight, facts: Facts | None) -> None:
        if facts is None:
            flight.seen = "malformed"
        elif facts.error in NO_EDNS and flight.edns:
            flight.edns = False
            self._say(flight)
        else:
            self._land(flight, facts, "udp", self._now, self._clock)

    def _unreachable(self, flight: _Flight) -> None:
        flight.dead = True
        self._other_ways(flight, "unreachable")

    def _other_ways(self, flight: _Flight, seen: str = "") -> None:
        """Ask by TCP and HTTPS, once, while UDP is listened to all the same."""
        flight.seen = seen or flight.seen
        if flight.task is None:
            flight.task = self._loop.create_task(self._by_stream(flight))
            self._tasks.add(flight.task)
            flight.task.add_done_callback(self._tasks.discard)

    async def _by_stream(self, flight: _Flight) -> None:
        there = flight.seen in ("truncated", "does not keep the case of names")
        ways: list[Via] = ["tcp"]
        if flight.question.doh:  # where UDP is silent, TCP to the same port will be too
            ways = ["tcp", "https"] if there else ["https", "tcp"]
        async with self._streams:
            for index, way in enumerate(ways):
                left = flight.at + self._timeout - time.monotonic()
                try:
                    async with asyncio.timeout(left / (len(ways) - index)):
                        said = await self._ask_by(way, flight)
                except TimeoutError:
                    continue
                if flight.port is None:
                    return
                if isinstance(said, Facts):
                    self._land(flight, said, way, now(), time.monotonic())
                    return
                if there:
                    flight.seen = said
        if flight.dead and flight.port is not None:
            self._give_up(flight)

    async def _ask_by(self, way: Via, flight: _Flight) -> Facts | str:
        doh = flight.question.doh
        if way == "tcp" or doh is None:
            return await by_tcp(flight.server, flight.asking, edns=flight.edns)
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout)
        return await by_https(doh, flight.asking, self._client)

    # Landing

    def _give_up(self, flight: _Flight) -> None:
        self._land(flight, None, "udp", now(), time.monotonic())

    def _land(self, flight: _Flight, facts: Facts | None, via: Via, at: datetime, clock: float) -> None:
        assert flight.port is not None
        del flight.port.pending[flight.query.id]
        flight.port = None
        question, lane = flight.question, flight.lane
        rcode, values, ttl, authoritative, error = facts or Facts(None, error=flight.seen)
        elapsed = clock - flight.at
        self._answers[flight.index] = Answer(
            lane.text, question.name, question.type, rcode, values, ttl, authoritative, at, elapsed, error, via
        )
        if flight.task and flight.task is not asyncio.current_task():
            flight.task.cancel()
        self._flying -= 1
        lane.flying -= 1
        if lane.resting:
            lane.resting = False
            if lane.waiting:
                self._queue(lane)
        self._left -= 1
        if not self._left and not self._done.done():
            self._done.set_result(None)
        elif self._again is None and self._ready:
            self._again = self._loop.call_soon(self._pump)
