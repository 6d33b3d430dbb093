"""A caching recursive resolver with true remaining TTLs, and with the habits that resolvers have in the wild."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from lab import faults as lab_faults
from lab.dns.loop import Listener, LoopThread, OnLoop
from lab.faults import Faults

lab_faults.declare(
    resolver_servfail="a resolver answers SERVFAIL",
    resolver_timeout="a resolver does not answer",
    resolver_garbage="a resolver's answer comes after a malformed packet, a wrong id, and a lie about another question",
)

_UPSTREAM_TIMEOUT = 0.6  # seconds for each authoritative server


@dataclass(frozen=True)
class Behaviour:
    """How a resolver treats TTLs; times in seconds.

    max_ttl:  remembers no longer than this, and says so (clamped).
    min_ttl:  remembers at least so long. It counts the true TTL down, then shows 0, 0, 0 while it goes on serving.
    min_shown: the minimum is shown as the TTL instead.
    overstay: keeps an answer so long past its expiry, shown with `stale_ttl`: a liar.
    stale_for: when no authority answers, an expired answer is still served for so long (RFC 8767).
    stale_ttl: the TTL shown on stale answers: 0 or 30 in the wild.
    """

    name: str = "honest"
    max_ttl: int = 86400
    min_ttl: int = 0
    min_shown: bool = False
    overstay: float = 0.0
    stale_for: float = 0.0
    stale_ttl: int = 30


HONEST = Behaviour()
CLAMPED = Behaviour("clamped", max_ttl=30)
SERVE_STALE = Behaviour("serve-stale", stale_for=86400)


@dataclass
class _Entry:
    """One cached answer."""

    message: dns.message.Message
    fetched: float
    ttl: float  # of the answer, after clamping
    held: float  # how long it is served without asking again


class CachingResolver(OnLoop):
    """Answers from its cache, or from the authoritative servers of the closest zone in `upstreams` ("." for all)."""

    def __init__(
        self,
        address: str,
        port: int,
        upstreams: Mapping[str, Sequence[tuple[str, int]]],
        behaviour: Behaviour,
        faults: Faults,
        *,
        loop: LoopThread | None = None,
    ) -> None:
        self.address, self.port, self.behaviour, self._faults = address, port, behaviour, faults
        self._upstreams = {dns.name.from_text(zone): list(servers) for zone, servers in upstreams.items()}
        super().__init__(loop)
        self._cache: dict[tuple[dns.name.Name, int], _Entry] = {}
        self._listener = Listener(address, port, self._handle)

    async def start(self) -> None:
        await self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    async def _handle(self, wire: bytes, by_tcp: bool) -> list[bytes]:
        if self._faults.take("resolver.timeout"):
            return []
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return []
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return []
        if self._faults.take("resolver.servfail"):
            response = _failure(query)
        else:
            response = await self._resolve(query)
        limit = 65535 if by_tcp else max(512, query.payload if query.edns >= 0 else 512)
        packet = response.to_wire(max_size=limit, prefer_truncation=True)
        if not by_tcp and self._faults.take("resolver.garbage"):
            return [*_garbage(query), packet]
        return [packet]

    async def _resolve(self, query: dns.message.Message) -> dns.message.Message:
        asked = query.question[0]
        key = (asked.name.canonicalize(), int(asked.rdtype))
        entry = self._cache.get(key)
        if entry is None or time.monotonic() - entry.fetched >= entry.held:
            entry = await self._fetch(key, entry)
        return self._from_cache(query, entry) if entry else _failure(query)

    async def _fetch(self, key: tuple[dns.name.Name, int], old: _Entry | None) -> _Entry | None:
        """Ask the authorities, one after the other in random order; serve stale or None when none answers."""
        servers = self._servers(key[0])
        for address, port in random.sample(servers, len(servers)):
            query = dns.message.make_query(key[0], dns.rdatatype.RdataType.make(key[1]), use_edns=0, payload=1232)
            query.flags &= ~dns.flags.RD
            try:
                message, _ = await dns.asyncquery.udp_with_fallback(query, address, _UPSTREAM_TIMEOUT, port)
            except (dns.exception.DNSException, OSError, EOFError):
                continue
            if message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and isinstance(
                message, dns.message.QueryMessage
            ):
                self._cache[key] = self._entry(message)
                return self._cache[key]
        if old and time.monotonic() - old.fetched < old.held + self.behaviour.stale_for:
            return old
        return None

    def _entry(self, message: dns.message.QueryMessage) -> _Entry:
        habit = self.behaviour
        # For a negative answer this is min(SOA TTL, SOA minimum): RFC 2308 section 5.
        true = float(message.resolve_chaining().minimum_ttl)
        ttl = min(true, habit.max_ttl)
        held = max(ttl, habit.min_ttl) + habit.overstay
        return _Entry(message, time.monotonic(), max(ttl, habit.min_ttl) if habit.min_shown else ttl, held)

    def _from_cache(self, query: dns.message.Message, entry: _Entry) -> dns.message.Message:
        age = time.monotonic() - entry.fetched
        stale = age >= entry.held or (self.behaviour.overstay > 0 and age >= entry.ttl)
        response = dns.message.make_response(query, recursion_available=True, our_payload=1232)
        response.set_rcode(entry.message.rcode())
        for section in ("answer", "authority"):
            for record_set in getattr(entry.message, section):
                copy = record_set.copy()
                copy.ttl = self.behaviour.stale_ttl if stale else max(0, int(min(entry.ttl, record_set.ttl) - age))
                if self.behaviour.min_shown and not stale:
                    copy.ttl = max(0, int(entry.ttl - age))
                if copy.name == query.question[0].name:
                    copy.name = query.question[0].name
                getattr(response, section).append(copy)
        return response

    def _servers(self, name: dns.name.Name) -> list[tuple[str, int]]:
        while name not in self._upstreams:
            if name == dns.name.root:
                return []
            name = name.parent()
        return self._upstreams[name]


def _failure(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True, our_payload=1232)
    response.set_rcode(dns.rcode.SERVFAIL)
    return response


def _garbage(query: dns.message.Message) -> list[bytes]:
    """What an attacker or a broken middlebox sends first."""
    lie = "0 evil.example."
    wrong_id = dns.message.make_response(query)
    wrong_id.id = query.id ^ 0x5555
    wrong_id.answer.append(dns.rrset.from_text(query.question[0].name, 9999, "IN", "MX", lie))
    other = dns.message.make_response(dns.message.make_query("evil.example.", "MX", id=query.id))
    other.answer.append(dns.rrset.from_text("evil.example.", 9999, "IN", "MX", lie))
    malformed = wrong_id.to_wire()[:-7]
    return [malformed, query.id.to_bytes(2, "big") + malformed[2:], wrong_id.to_wire(), other.to_wire()]
