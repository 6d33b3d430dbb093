"""Ask very many servers very many questions at once, from a few shared sockets in one process.

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

from mailmove.clock import now
from mailmove.dns.client.answer import Answer, Server, Via
from mailmove.dns.client.messages import NO_EDNS, ParsedAnswer, Query, QuestionCodec, parse_answer
from mailmove.dns.client.rate_limit import POLITE, QueryPace
from mailmove.dns.client.tcp_and_https import LARGEST, by_https, by_tcp
from mailmove.dns.client.udp_sockets import UdpPort, family_of, normal
from mailmove.wire.http import client_of_coroutines

_RESEND, _STREAM_AT = (0.25, 0.55), 0.6
"""Shares of a question's timeout after which it is sent again, and asked by TCP or HTTPS.

Some servers hang before they serve a stale answer, so that one try is not enough."""
_PORTS = 8  # sockets for each address family
_UNDER_WAY, _AT_ONE_SERVER = 1024, 16  # questions without an answer yet: in all, and at one server
_BATCH = 64  # packets sent before answers are read again
_TICK = 0.02  # seconds
_STREAMS = 32  # TCP and HTTPS connections at the same time


class DnsQuestion(NamedTuple):
    """One question to one server.

    doh: URL at which the same resolver takes DNS over HTTPS; None: it does not. rdclass CH asks a server about itself.
    """

    server: Server
    name: str
    type: str
    recursive: bool = True
    doh: str | None = None
    rdclass: str = "IN"


_NONE = Query(-1, b"", b"")


class _Pending:
    """One question that has been sent. error: what is reported if no answer comes."""

    __slots__ = (
        "answers_udp", "at", "codec", "edns", "error", "index", "port", "query", "question", "queue", "server", "task",
        "unreachable", "wire",
    )  # fmt: skip

    def __init__(self, index: int, question: DnsQuestion, codec: QuestionCodec, queue: _ServerQueue, at: float) -> None:
        self.index, self.question, self.codec, self.queue, self.at = index, question, codec, queue, at
        self.server, self.error, self.edns = queue.server, "timeout", True
        self.answers_udp = self.unreachable = False
        self.query = _NONE
        self.wire = b""
        self.port: UdpPort | None = queue.ports[int(random.random() * len(queue.ports))]  # noqa: S311 - None: answered
        self.task: asyncio.Task[None] | None = None


class _ServerQueue:
    """The questions to one server. waiting: not sent yet; pending: how many are sent and have no answer."""

    __slots__ = ("pending", "ports", "resting", "server", "text", "waiting")

    def __init__(self, server: Server, text: str, ports: Sequence[UdpPort]) -> None:
        self.server, self.text, self.ports, self.waiting = server, text, ports, deque[int]()
        self.pending, self.resting = 0, False


async def ask_many(
    questions: Sequence[DnsQuestion],
    *,
    timeout: float = 5.0,
    pace: QueryPace | None = POLITE,
    client: httpx.AsyncClient | None = None,
) -> list[Answer]:
    """Ask all questions; the answers come in the order of the questions.

    Trouble on the network is `Answer.error`, never an exception.

    timeout: seconds for each question from when it is first sent, by UDP, TCP and HTTPS together. pace: None asks
    without a limit; for benchmarks on loopback. client: for DNS over HTTPS, where a private root must be trusted.
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
    """One call of `ask_many`: queues, sockets, and the answers so far."""

    def __init__(
        self, questions: Sequence[DnsQuestion], timeout: float, pace: QueryPace | None, client: httpx.AsyncClient | None
    ) -> None:
        self._questions, self._timeout, self._pace = questions, timeout, pace
        self._client, self._own_client = client, client is None
        self._streams = asyncio.Semaphore(_STREAMS)
        self._loop = asyncio.get_running_loop()
        self._now, self._clock = now(), time.monotonic()  # of the packets that are being read
        self._answers: list[Answer | None] = [None] * len(questions)
        self._left, self._pending, self._queued = len(questions), 0, 0
        resend = ((share, self._send) for share in _RESEND)
        self._steps = (*resend, (_STREAM_AT, self._ask_by_stream), (1.0, self._give_up))
        self._due = [deque[_Pending]() for _ in self._steps]  # who comes to which next; each in the order of time
        self._codecs: list[QuestionCodec] = []  # of each question
        self._ready: list[tuple[float, int, _ServerQueue]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ports: list[UdpPort] = []
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._next_pump: asyncio.TimerHandle | asyncio.Handle | None = None
        self._queue_all()

    def _queue_all(self) -> None:
        """Make one queue for each server, in the order in which they are first named: no server gets a burst."""
        codecs: dict[tuple[str, str, bool, str], QuestionCodec] = {}
        queues: dict[Server, _ServerQueue] = {}
        families = {family_of(question.server) for question in self._questions}
        each = min(_PORTS, len(self._questions))
        try:
            for family in families:
                self._ports += [UdpPort(family) for _ in range(each)]
            by_family = {family: [port for port in self._ports if port.family == family] for family in families}
            for index, (server, name, rtype, recursive, _, rdclass) in enumerate(self._questions):
                what = (name, rtype, recursive, rdclass)
                if what not in codecs:
                    codecs[what] = QuestionCodec(name, rtype, recursive=recursive, rdclass=rdclass)
                if server not in queues:
                    text = f"{server[0]}:{server[1]}"
                    queues[server] = _ServerQueue(normal(server), text, by_family[family_of(server)])
                self._codecs.append(codecs[what])
                queues[server].waiting.append(index)
        except BaseException:
            self._close_ports()
            raise
        for queue in queues.values():
            self._make_ready(queue)

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
        if self._next_pump:
            self._next_pump.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client and self._own_client:
            await self._client.aclose()

    def _close_ports(self) -> None:
        for port in self._ports:
            port.close()

    # Sending

    def _make_ready(self, queue: _ServerQueue) -> None:
        self._queued += 1
        heapq.heappush(self._ready, (self._pace.due(queue.server) if self._pace else 0.0, self._queued, queue))

    def _pump(self) -> None:
        """Send what may be sent now, one question of each server after the other."""
        self._next_pump = None
        at, sent = time.monotonic(), 0
        while self._ready and self._pending < _UNDER_WAY:
            when, _, queue = self._ready[0]
            if when > at:
                self._next_pump = self._loop.call_later(when - at, self._pump)
                return
            if sent == _BATCH:
                self._next_pump = self._loop.call_soon(self._pump)
                return
            heapq.heappop(self._ready)
            if self._pace and self._pace.due(queue.server) > at:  # another server of the operator was asked since
                self._make_ready(queue)
                continue
            if queue.pending >= _AT_ONE_SERVER:
                queue.resting = True
                continue
            self._send_next(queue, at)
            sent += 1
            if queue.waiting:
                self._make_ready(queue)

    def _send_next(self, queue: _ServerQueue, at: float) -> None:
        """Send the first waiting question of the queue."""
        index = queue.waiting.popleft()
        pending = _Pending(index, self._questions[index], self._codecs[index], queue, at)
        self._pending += 1
        queue.pending += 1
        self._send_with_new_id(pending)
        self._due[0].append(pending)

    def _send_with_new_id(self, pending: _Pending) -> None:
        """Send the question, under an id that no other question has at this port."""
        assert pending.port is not None
        by_id = pending.port.pending
        by_id.pop(pending.query.id, None)
        query = pending.codec.query(edns=pending.edns)
        while query.id in by_id:
            query = pending.codec.query(edns=pending.edns)
        pending.query, pending.wire = query, query.wire
        by_id[query.id] = pending
        self._send(pending)

    def _send(self, pending: _Pending) -> None:
        assert pending.port is not None
        if self._pace:
            self._pace.sent(pending.server)
        pending.error = pending.port.send(pending.wire, pending.server) or pending.error

    async def _tick(self) -> None:
        """Send again, ask by stream, give up: each step has its queue, and an answered question drops out of it."""
        while True:
            at = time.monotonic()
            for (share, step), due, following in zip(self._steps, self._due, (*self._due[1:], None), strict=True):
                while due and (due[0].port is None or due[0].at + share * self._timeout <= at):
                    pending = due.popleft()
                    if pending.port is not None:
                        step(pending)
                        if following is not None:
                            following.append(pending)
            await asyncio.sleep(min(_TICK, self._timeout / 20))

    # Receiving

    def _read(self, port: UdpPort) -> None:
        self._now, self._clock = now(), time.monotonic()
        port.receive(self._take, self._unreachable)

    def _take(self, pending: _Pending, wire: bytes) -> None:
        """Judge a packet with the right id from the right server: is it the answer?"""
        flags = wire[2] << 8 | wire[3]
        if flags & 0xF800 != 0x8000:  # not a response, or not to a query
            pending.error = "malformed"
        elif not wire.startswith(pending.query.question, 12):
            self._judge_other_question(pending, wire)
        elif flags & 0x0200:
            self._ask_by_stream(pending, "truncated", answers_udp=True)
        else:
            self._judge(pending, pending.codec.read(wire))

    def _judge_other_question(self, pending: _Pending, wire: bytes) -> None:
        """Judge a packet with another question than was sent: an error without any question counts, nothing else."""
        answer = parse_answer(wire, pending.codec, same_id=pending.query.id)
        if answer and not any(wire[4:6]):
            self._judge(pending, answer)
        elif answer:  # the right name in another case: TCP needs no such proof
            self._ask_by_stream(pending, "does not keep the case of names", answers_udp=True)
        else:
            pending.error = "malformed"

    def _judge(self, pending: _Pending, answer: ParsedAnswer | None) -> None:
        if answer is None:
            pending.error = "malformed"
        elif answer.rcode in NO_EDNS and pending.edns:
            pending.edns = False
            self._send_with_new_id(pending)
        else:
            self._finish(pending, answer, "udp", self._now, self._clock)

    def _unreachable(self, pending: _Pending) -> None:
        pending.unreachable = True
        self._ask_by_stream(pending, "unreachable")

    def _ask_by_stream(self, pending: _Pending, error: str = "", *, answers_udp: bool = False) -> None:
        """Ask by TCP and HTTPS, once, while UDP is still listened to. answers_udp: an answer came, and is of no use."""
        if error:
            pending.error, pending.answers_udp = error, answers_udp
        if pending.task is None:
            pending.task = self._loop.create_task(self._by_stream(pending))
            self._tasks.add(pending.task)
            pending.task.add_done_callback(self._tasks.discard)

    async def _by_stream(self, pending: _Pending) -> None:
        answers_udp = pending.answers_udp
        ways: list[Via] = ["tcp"]
        if pending.question.doh:  # where UDP is silent, TCP to the same port will be too
            ways = ["tcp", "https"] if answers_udp else ["https", "tcp"]
        async with self._streams:
            for index, way in enumerate(ways):
                left = pending.at + self._timeout - time.monotonic()
                try:
                    async with asyncio.timeout(left / (len(ways) - index)):
                        answer = await self._ask_by(way, pending)
                except TimeoutError:
                    continue
                if pending.port is None:
                    return
                if isinstance(answer, ParsedAnswer):
                    self._finish(pending, answer, way, now(), time.monotonic())
                    return
                if answers_udp:
                    pending.error, pending.answers_udp = answer, False
        if pending.unreachable and pending.port is not None:
            self._give_up(pending)

    async def _ask_by(self, way: Via, pending: _Pending) -> ParsedAnswer | str:
        """The answer by TCP or HTTPS, or what was wrong."""
        doh = pending.question.doh
        if way == "tcp" or doh is None:
            return await by_tcp(pending.server, pending.codec, edns=pending.edns)
        if self._client is None:
            self._client = client_of_coroutines(seconds=self._timeout, most=LARGEST, proxies=True)
        return await by_https(doh, pending.codec, self._client)

    # Finishing

    def _give_up(self, pending: _Pending) -> None:
        self._finish(pending, None, "udp", now(), time.monotonic())

    def _finish(self, pending: _Pending, answer: ParsedAnswer | None, via: Via, at: datetime, clock: float) -> None:
        assert pending.port is not None
        del pending.port.pending[pending.query.id]
        pending.port = None
        question, queue = pending.question, pending.queue
        rcode, values, ttl, authoritative, error, explained = answer or ParsedAnswer(None, error=pending.error)
        elapsed = clock - pending.at
        self._answers[pending.index] = Answer(
            queue.text,
            question.name,
            question.type,
            rcode,
            values,
            ttl,
            authoritative,
            at,
            elapsed,
            error,
            via,
            explained,
        )
        if pending.task and pending.task is not asyncio.current_task():
            pending.task.cancel()
        self._pending -= 1
        queue.pending -= 1
        if queue.resting:
            queue.resting = False
            if queue.waiting:
                self._make_ready(queue)
        self._left -= 1
        if not self._left and not self._done.done():
            self._done.set_result(None)
        elif self._next_pump is None and self._ready:
            self._next_pump = self._loop.call_soon(self._pump)
