"""A network in memory and in a time of its own: resolvers, name servers, a firewall, and what each lets through.

An assessment in it takes as long as it would, and no machine is too slow for that to be measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import httpx

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.client.bulk_query import DnsQuestion
from mailmove.dns.client.lanes import LaneMemory, Ways
from mailmove.dns.client.messages import ParsedAnswer, QuestionCodec
from mailmove.dns.client.rate_limit import QueryPace
from mailmove.dns.client.wire import Wire

T = TypeVar("T")
How = Literal["answers", "silent", "unreachable", "REFUSED", "SERVFAIL", "tcp only", "validates", "bogus", "denies"]
Records = Mapping[tuple[str, str], Sequence[str]]
"""(name with its last dot, type) -> values; a name without any record does not exist."""

RTT = 0.03


class OwnTime(asyncio.SelectorEventLoop):
    """A loop that does not wait: when nothing can be done its clock goes to the next moment that was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._own = 1000.0

    def time(self) -> float:
        return self._own

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._own = max(self._own, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def in_own_time(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end."""
    with asyncio.Runner(loop_factory=OwnTime) as runner:
        return runner.run(work)


@dataclass
class ModelNet:
    """resolvers and authorities: address -> how it answers at port 53. https: addresses that answer by HTTPS.

    differing: address of an authority -> records that it serves instead.
    """

    records: Records
    resolvers: Mapping[str, How]
    authorities: Mapping[str, How] = field(default_factory=dict)
    https: frozenset[str] = frozenset()
    differing: Mapping[str, Records] = field(default_factory=dict)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    """(address, name, type) of every question, in order."""

    def ways(self) -> Ways:
        clock = asyncio.get_running_loop().time
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._by_https))
        return Ways(
            doh=lambda server: f"https://{f'[{server[0]}]' if ':' in server[0] else server[0]}/dns-query",
            client=client,
            memory=LaneMemory(clock),
            pace=QueryPace(clock=clock),
            wire=Wire(self._ask_many, self._by_tcp, self._exchange),
            clock=clock,
        )

    async def _ask_many(
        self, questions: Sequence[DnsQuestion], *, timeout: float, pace: QueryPace | None
    ) -> list[Answer]:
        return list(await asyncio.gather(*(self._ask(question, timeout, pace) for question in questions)))

    async def _ask(self, question: DnsQuestion, timeout: float, pace: QueryPace | None) -> Answer:
        loop = asyncio.get_running_loop()
        while pace and (wait := pace.due(question.server) - loop.time()) > 0:
            await asyncio.sleep(max(wait, 0.001))
        if pace:
            pace.sent(question.server)
        address, started = question.server[0], loop.time()
        how = self.resolvers.get(address) or self.authorities.get(address, "silent")
        self.sent.append((address, question.name, question.type))
        base: dict[str, Any] = {"server": f"{address}:{question.server[1]}", "name": question.name}
        base["type"] = question.type
        if how in ("silent", "unreachable"):
            await asyncio.sleep(timeout if how == "silent" else RTT)
            return Answer(**base, error="timeout" if how == "silent" else "unreachable", elapsed=loop.time() - started)
        if how == "tcp only":
            await asyncio.sleep(0.6 * timeout)
        await asyncio.sleep(RTT)
        parsed = self._parsed(address, question.name, question.type)
        return Answer(
            **base, rcode=parsed.rcode, values=parsed.values, ttl=parsed.ttl, authoritative=parsed.authoritative,
            error=parsed.error, elapsed=loop.time() - started, via="tcp" if how == "tcp only" else "udp",
        )  # fmt: skip

    async def _by_tcp(self, server: Server, codec: QuestionCodec) -> ParsedAnswer | str:
        if self.resolvers.get(server[0]) in (None, "silent", "unreachable"):
            await asyncio.sleep(60)
        await asyncio.sleep(2 * RTT)
        return self._parsed(server[0], codec.name.to_text(), dns.rdatatype.to_text(codec.type))

    def _parsed(self, address: str, name: str, rtype: str) -> ParsedAnswer:
        how = self.resolvers.get(address) or self.authorities.get(address, "silent")
        if how in ("REFUSED", "SERVFAIL", "bogus"):
            code = "SERVFAIL" if how == "bogus" else how
            return ParsedAnswer(code, error=code)
        if how == "denies":
            return ParsedAnswer("NXDOMAIN", (), 60)
        records = {**self.records, **self.differing.get(address, {})}
        name = name.lower()
        for _ in range(5):
            if values := records.get((name, rtype)):
                return ParsedAnswer("NOERROR", tuple(sorted(values)), 300, address in self.authorities)
            if rtype == "CNAME" or not (alias := records.get((name, "CNAME"))):
                break
            name = alias[0]
        return ParsedAnswer(_rcode_of(name, records), (), 60, address in self.authorities)

    async def _exchange(
        self, server: Server, message: dns.message.Message, *, timeout: float, tcp: bool
    ) -> dns.message.Message | None:
        how = self.resolvers.get(server[0], "silent")
        if how in ("silent", "unreachable") or (how == "tcp only" and not tcp):
            await asyncio.sleep(timeout)
            return None
        await asyncio.sleep(RTT)
        return self._message(message, how)

    def _message(self, query: dns.message.Message, how: How) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        bogus = how == "bogus" and not query.flags & dns.flags.CD
        if bogus or how in ("REFUSED", "SERVFAIL"):
            answer.set_rcode(dns.rcode.REFUSED if how == "REFUSED" else dns.rcode.SERVFAIL)
            return answer
        if how == "denies":
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer
        [asked] = query.question
        name, rtype = asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)
        parsed = self._parsed_as_known(name, rtype)
        answer.set_rcode(dns.rcode.from_text(parsed.rcode or "SERVFAIL"))
        if parsed.values:
            answer.answer.append(dns.rrset.from_text(asked.name, parsed.ttl or 60, "IN", rtype, *parsed.values))
        if how == "validates" and (name, "DS") in self.records:
            answer.flags |= dns.flags.AD
        return answer

    def _parsed_as_known(self, name: str, rtype: str) -> ParsedAnswer:
        values = self.records.get((name, rtype), ())
        return ParsedAnswer(_rcode_of(name, self.records), tuple(values), 300)

    async def _by_https(self, request: httpx.Request) -> httpx.Response:
        if request.url.host not in self.https:
            await asyncio.sleep(60)
        await asyncio.sleep(3 * RTT)
        query = dns.message.from_wire(request.content)
        how = self.resolvers.get(request.url.host, "answers")
        wire = self._message(query, "validates" if how == "validates" else "answers").to_wire()
        return httpx.Response(200, content=wire, headers={"Content-Type": "application/dns-message"})


def _rcode_of(name: str, records: Records) -> str:
    """A name exists with a record at it or below it, as the root does."""
    exists = name == "." or any(owner == name or owner.endswith(f".{name}") for owner, _ in records)
    return "NOERROR" if exists else "NXDOMAIN"
