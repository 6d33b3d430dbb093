"""An authoritative name server: queries, zone transfer (RFC 5936) and dynamic update (RFC 2136), with TSIG."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator, Mapping

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.rrset
import dns.tsig
import dns.update

from lab import faults as lab_faults
from lab.dns.loop import Listener, LoopThread, OnLoop
from lab.dns.oddities import as_kept, lameness, with_oddities
from lab.dns.update import Rejected, updated
from lab.dns.zone_data import Version, ZoneData, wire_set
from lab.faults import Faults
from mailmove.records import RRset, Zone

lab_faults.declare(
    dns_servfail="an authoritative server answers SERVFAIL",
    dns_timeout="an authoritative server does not answer",
    dns_update_refused="the primary refuses updates and transfers: the key has no right to the zone",
    dns_transfer_refused="the primary refuses zone transfers only",
    dns_update_lost="the primary makes an update, but its reply is lost",
    dns_secondary_stuck="the secondary keeps the content it has (set it without a count)",
)

_REFRESH = 0.05  # seconds between a secondary's looks at the primary
_CNAME_HOPS = 8


class AuthoritativeServer(OnLoop):
    """Serves `zones` at one address. The primary takes updates; a secondary follows with `zones.lag`."""

    def __init__(
        self,
        address: str,
        port: int,
        zones: ZoneData,
        tsig_keys: Mapping[dns.name.Name, dns.tsig.Key],
        faults: Faults,
        *,
        primary: bool = True,
        loop: LoopThread | None = None,
    ) -> None:
        self.address, self.port, self._zones, self._faults = address, port, zones, faults
        super().__init__(loop)
        self._keys, self._primary = dict(tsig_keys), primary
        self._copy: dict[str, Version] = {}
        self._listener = Listener(address, port, self._handle)

    async def start(self) -> None:
        await self._listener.start()
        self._refresh = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        self._refresh.cancel()
        await self._listener.stop()

    async def _follow(self) -> None:
        """What a secondary does: take the primary's newest version, unless it is stuck."""
        while not self._primary:
            for name in self._zones.names:
                newest = self._zones.lagging(name)
                have = self._copy.get(name)
                if have is None or (have is not newest and not self._faults.take("dns.secondary_stuck")):
                    self._copy[name] = newest
            await asyncio.sleep(_REFRESH)

    def _version(self, zone: str) -> Version:
        return self._zones.latest(zone) if self._primary else self._copy.get(zone) or self._zones.lagging(zone)

    def _content(self, zone: str) -> Zone:
        """What is served of a zone."""
        return with_oddities(zone, self._version(zone).zone, self._faults)

    def _at(self, record_set: RRset, name: dns.name.Name) -> dns.rrset.RRset:
        """The set under the name as it was asked for, so that the question's case comes back."""
        rdatas = as_kept(wire_set(record_set), self._faults)
        return dns.rrset.from_rdata_list(name, rdatas.ttl, list(rdatas))

    async def _handle(self, wire: bytes, by_tcp: bool) -> list[bytes]:
        if self._faults.take("dns.timeout"):
            return []
        try:
            query = dns.message.from_wire(wire, keyring=self._keys)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadKey, dns.tsig.BadAlgorithm):
            return _tsig_error(wire, dns.rcode.BADKEY)
        except dns.tsig.BadSignature:
            return _tsig_error(wire, dns.rcode.BADSIG)
        except dns.tsig.BadTime:
            return _tsig_error(wire, dns.rcode.BADTIME)
        except dns.exception.DNSException:
            return [wire[:2] + struct.pack("!HHHHH", 0x8001, 0, 0, 0, 0)] if len(wire) >= 12 else []
        if query.flags & dns.flags.QR or not query.question:
            return []
        if self._faults.take("dns.servfail"):
            return [_reply(query, dns.rcode.SERVFAIL).to_wire()]
        if isinstance(query, dns.update.UpdateMessage):
            return self._update(query)
        if query.opcode() != dns.opcode.QUERY:
            return [_reply(query, dns.rcode.NOTIMP).to_wire()]
        if query.question[0].rdtype == dns.rdatatype.AXFR:
            return list(self._transfer(query, by_tcp))
        lame = None if self._primary else lameness(self._faults)
        if lame == "":
            return []
        if lame in ("REFUSED", "SERVFAIL"):
            return [_reply(query, dns.rcode.from_text(lame)).to_wire()]
        response = self._answer(query)
        if lame:
            response.flags &= ~dns.flags.AA
        limit = 65535 if by_tcp else max(512, query.payload if query.edns >= 0 else 512)
        return [response.to_wire(max_size=limit, prefer_truncation=True)]

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        asked = query.question[0]
        if self._zones.holding(asked.name) is None:
            return _reply(query, dns.rcode.REFUSED)
        response = _reply(query, dns.rcode.NOERROR)
        response.flags |= dns.flags.AA
        name, rtype = asked.name, dns.rdatatype.to_text(asked.rdtype)
        for _ in range(_CNAME_HOPS):
            origin = self._zones.holding(name)
            if origin is None:
                return response
            zone = self._content(origin)
            owner = _owner(zone, name.to_text().lower())
            record_sets = [
                record_set
                for record_set in zone.values()
                if record_set.name == owner and rtype in (record_set.type, "ANY")
            ]
            response.answer.extend(self._at(record_set, name) for record_set in record_sets)
            if record_sets:
                return response
            alias = zone.get((owner, "CNAME"))
            if alias is None:
                break
            response.answer.append(self._at(alias, name))
            name = wire_set(alias)[0].target
        assert origin is not None
        if not any(key[0] == owner or key[0].endswith("." + owner) for key in zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(wire_set(zone[origin, "SOA"]))
        return response

    def _transfer(self, query: dns.message.Message, by_tcp: bool) -> Iterator[bytes]:
        """AXFR: the whole zone between two SOAs, to holders of a key, by TCP only."""
        origin = query.question[0].name.to_text().lower()
        if origin not in self._zones.names:
            yield _reply(query, dns.rcode.NOTAUTH).to_wire()
            return
        refused = self._faults.take("dns.update_refused") or self._faults.take("dns.transfer_refused")
        if not by_tcp or not query.had_tsig or refused:
            yield _reply(query, dns.rcode.REFUSED).to_wire()
            return
        zone = self._content(origin)
        soa = wire_set(zone[origin, "SOA"])
        others = [record_set for record_set in zone.values() if record_set.type != "SOA"]
        sets = [soa, *(as_kept(wire_set(record_set), self._faults) for record_set in others), soa]
        context = None
        for first in range(0, len(sets), 100):
            response = _reply(query, dns.rcode.NOERROR)
            response.flags |= dns.flags.AA
            response.answer.extend(sets[first : first + 100])
            yield response.to_wire(max_size=65535, multi=True, tsig_ctx=context)
            context = response.tsig_ctx

    def _kept(self, record_set: RRset) -> dns.rrset.RRset:
        return as_kept(wire_set(record_set), self._faults)

    def _update(self, message: dns.update.UpdateMessage) -> list[bytes]:
        origin = message.zone[0].name.to_text().lower()
        if origin not in self._zones.names or not self._primary:
            return [_reply(message, dns.rcode.NOTAUTH).to_wire()]
        if not message.had_tsig or self._faults.take("dns.update_refused"):
            return [_reply(message, dns.rcode.REFUSED).to_wire()]
        try:
            self._zones.change(origin, lambda zone: updated(zone, origin, message, self._kept))
        except Rejected as rejection:
            return [_reply(message, rejection.rcode).to_wire()]
        if self._faults.take("dns.update_lost"):
            return []
        return [_reply(message, dns.rcode.NOERROR).to_wire()]


def _owner(zone: Zone, name: str) -> str:
    """The name whose records answer: its own, or the wildcard below the closest name that exists (RFC 4592)."""
    above = name
    while above and not any(owner == above or owner.endswith(f".{above}") for owner, _ in zone):
        above = above.partition(".")[2]
    wildcard = f"*.{above}"
    return wildcard if above != name and any(owner == wildcard for owner, _ in zone) else name


def _reply(query: dns.message.Message, rcode: dns.rcode.Rcode) -> dns.message.Message:
    response = dns.message.make_response(query, our_payload=1232)
    response.set_rcode(rcode)
    return response


def _tsig_error(wire: bytes, error: dns.rcode.Rcode) -> list[bytes]:
    """NOTAUTH with an unsigned TSIG that names the error (RFC 8945 section 5.3.2)."""
    query = dns.message.from_wire(wire, keyring=False)
    tsig = query.tsig
    assert tsig is not None
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.NOTAUTH)
    now = int(time.time())
    other = now.to_bytes(6, "big") if error == dns.rcode.BADTIME else b""
    unsigned = dns.rdtypes.ANY.TSIG.TSIG(  # type: ignore[no-untyped-call]
        dns.rdataclass.ANY, dns.rdatatype.TSIG, tsig[0].algorithm, now, 300, b"", query.id, int(error), other
    )
    response.tsig = dns.rrset.from_rdata(tsig.name, 0, unsigned)
    return [response.to_wire()]
