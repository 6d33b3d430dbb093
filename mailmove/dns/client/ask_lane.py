"""Ask one resolver by one lane: port 53 with all its tries, or HTTPS, by one client for all questions."""

from __future__ import annotations

import asyncio
import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies

import dns.exception
import dns.message
import httpx

from mailmove.dns.client.answer import Answer, Via
from mailmove.dns.client.bulk_query import DnsQuestion
from mailmove.dns.client.lanes import Lane, Ways, is_address
from mailmove.dns.client.messages import ParsedAnswer, QuestionCodec
from mailmove.dns.client.tcp_and_https import LARGEST, by_https, message_by_https
from mailmove.wire.http import client_of_coroutines

_SLOW_TCP = 0.5
"""Share of the timeout after which an answer by TCP shows that UDP was silent, and not only cut off."""


class LaneAsker:
    """Asks lanes. One HTTPS client serves all questions: it loads its roots once, and keeps its connections.

    timeout: seconds for one question by one lane.
    """

    def __init__(self, ways: Ways, timeout: float) -> None:
        self.ways, self.timeout = ways, timeout
        self._client = ways.client
        self._making: asyncio.Task[httpx.AsyncClient] | None = None
        self._targets: dict[Lane, tuple[str, str]] = {}

    def start(self, lane: Lane, codec: QuestionCodec, name: str, rtype: str) -> asyncio.Task[Answer]:
        """A task that asks, and counts as waiting at its server from now on."""
        waiting = self.ways.memory.waiting
        waiting[lane.server] += 1
        task = asyncio.create_task(self.ask(lane, codec, name, rtype))
        task.add_done_callback(lambda _: waiting.subtract([lane.server]))
        return task

    async def ask(self, lane: Lane, codec: QuestionCodec, name: str, rtype: str) -> Answer:
        """The answer; trouble on the network is `Answer.error`."""
        if lane.doh is None and lane not in self.ways.memory.by_tcp:
            question = DnsQuestion(lane.server, name, rtype)
            [answer] = await self.ways.wire.ask_many([question], timeout=self.timeout, pace=self.ways.pace)
            if answer.via == "tcp" and answer.rcode and answer.elapsed > _SLOW_TCP * self.timeout:
                self.ways.memory.by_tcp.add(lane)
            return answer
        await self._paced(lane)
        started = self.ways.clock()
        via: Via = "tcp" if lane.doh is None else "https"
        try:
            async with asyncio.timeout(self.timeout):
                if via == "tcp":
                    parsed = await self.ways.wire.by_tcp(lane.server, codec)
                else:
                    parsed = await self._by_https(lane, codec)
        except TimeoutError:
            parsed = "timeout"
        told = parsed if isinstance(parsed, ParsedAnswer) else ParsedAnswer(None, error=parsed)
        return Answer(
            server=f"{lane.server[0]}:{lane.server[1]}", name=name, type=rtype, rcode=told.rcode, values=told.values,
            ttl=told.ttl, authoritative=told.authoritative, elapsed=self.ways.clock() - started, error=told.error,
            via=via, explained=told.explained,
        )  # fmt: skip

    async def exchange(self, lane: Lane, message: dns.message.Message, timeout: float) -> dns.message.Message | None:
        """The whole answer to a message, for flags that an `Answer` does not have. None: none came."""
        await self._paced(lane)
        if lane.doh is None:
            by_tcp = lane in self.ways.memory.by_tcp
            return await self.ways.wire.exchange(lane.server, message, timeout=timeout, tcp=by_tcp)
        try:
            async with asyncio.timeout(timeout):
                client = await self._https()
                url, host = self._target(lane)
                return await message_by_https(url, message, client, host)
        except (dns.exception.DNSException, OSError, TimeoutError, httpx.HTTPError):
            return None

    async def close(self) -> None:
        if self._making:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
        if self._client and self._client is not self.ways.client:
            await self._client.aclose()

    async def _paced(self, lane: Lane) -> None:
        pace = self.ways.pace
        while (wait := pace.due(lane.server) - self.ways.clock()) > 0:
            await asyncio.sleep(max(wait, 0.001))
        pace.sent(lane.server)

    async def _https(self) -> httpx.AsyncClient:
        if self._client is None:
            if self._making is None:
                self._making = asyncio.create_task(
                    asyncio.to_thread(_https_client, self.timeout)  # the roots take a tenth of a second and more
                )
            self._client = await asyncio.shield(self._making)
        return self._client

    async def _by_https(self, lane: Lane, codec: QuestionCodec) -> ParsedAnswer | str:
        client = await self._https()
        url, host = self._target(lane)
        if not host or lane in self._targets:
            return await by_https(url, codec, client, host)
        answer: ParsedAnswer | str
        try:
            async with asyncio.timeout(self.timeout / 2):
                answer = await by_https(url, codec, client, host)
        except TimeoutError:
            answer = "timeout"
        if isinstance(answer, str):  # next by the address that the system has for its name
            address = await address_by_system(host)
            if address and address != lane.server[0]:
                url, host = self._targets[lane] = _at(lane, address)
                return await by_https(url, codec, client, host)
        self._targets[lane] = url, host
        return answer

    def _target(self, lane: Lane) -> tuple[str, str]:
        """(URL, name for the certificate; '': the URL's own).

        The resolver's own address is asked, as nobody may be there who could look its name up. A proxy is given the
        name.
        """
        assert lane.doh is not None
        if lane in self._targets:
            return self._targets[lane]
        parts = urlsplit(lane.doh)
        if is_address(parts.hostname or "") or getproxies().get("https"):
            return lane.doh, ""
        return _at(lane, lane.server[0])


def _https_client(timeout: float) -> httpx.AsyncClient:
    return client_of_coroutines(seconds=timeout, most=LARGEST, proxies=True)


def _at(lane: Lane, address: str) -> tuple[str, str]:
    parts = urlsplit(lane.doh or "")
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl(), parts.hostname or ""


async def address_by_system(host: str) -> str | None:
    """An address that this machine's resolver has for the name; None: it has none.

    On a thread that nobody waits for: where the resolver is silent, the system's own look-up takes half a minute, and
    cannot be ended.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[str | None] = loop.create_future()

    def give(address: str | None) -> None:
        if not result.done():
            result.set_result(address)

    def find() -> None:
        try:
            address: str | None = str(socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)[0][4][0])
        except (OSError, UnicodeError):
            address = None
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(give, address)
            except RuntimeError:  # the loop was closed this moment
                return

    threading.Thread(target=find, name="doh-address", daemon=True).start()
    return await result
