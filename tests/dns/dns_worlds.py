"""Worlds in which every provider must keep the same promises: the lab's servers and real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dns.message
import dns.name
import dns.query
import dns.rdatatype
from dns_town import CONTENT, ZONE, Towns, provider_of
from eventually import eventually
from pydantic import SecretStr
from real_authorities import KEY, Authorities

from blocks.dns.manual import Manual
from blocks.dns.octodns import OctoDns
from blocks.dns.rfc2136 import Rfc2136
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from mailmove.dns.canonical import from_dns
from mailmove.errors import ByHand, NotYet
from mailmove.ports import DnsProvider
from mailmove.records import RRset, RRsetChange, Zone

KINDS = [
    "lab-rfc2136",
    "lab-route53",
    "lab-manual",
    "bind-rfc2136",
    "bind-octodns",
    "powerdns-rfc2136",
    "powerdns-octodns",
    "bindinline-rfc2136",
    "binddynamic-rfc2136",
    "knot-rfc2136",
    "knotsigned-rfc2136",
    "powerdnssigned-rfc2136",
]
_SIGNERS = {"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "TYPE65534"}
"""What signing servers put into a zone by themselves (RFC 4034, 5155, 7344; BIND's note of its own in TYPE65534)."""


@dataclass
class World:
    """`provider` edits `zone`, which every one of `servers` serves."""

    provider: DnsProvider
    zone: str
    servers: list[tuple[str, int]]
    held: Callable[[], Zone]
    edit: Callable[..., None]

    def picture(self) -> dict[tuple[str, str], RRset]:
        """What the primary holds, without the SOA and what a signing server makes by itself."""
        return {key: one for key, one in self.held().items() if key[1] not in {"SOA", *_SIGNERS}}

    def here(self, one: RRset) -> RRset:
        """A set of `CONTENT`'s zone as it is in this world's zone."""
        return moved(one, self.zone)

    def served(self, key: tuple[str, str]) -> list[RRset | None]:
        """The set as each authoritative server serves it."""
        return [served_at(server, key) for server in self.servers]


def moved(one: RRset, zone: str) -> RRset:
    values = tuple(value.replace(ZONE, zone) for value in one.values)
    return RRset(name=one.name.replace(ZONE, zone), type=one.type, ttl=one.ttl, values=values)


def content(zone: str) -> list[RRset]:
    return [moved(one, zone) for one in CONTENT]


def served_at(server: tuple[str, int], key: tuple[str, str]) -> RRset | None:
    query = dns.message.make_query(*key, use_edns=0, payload=1232)
    answer, _ = dns.query.udp_with_fallback(query, server[0], 5, server[1])
    wanted = dns.name.from_text(key[0]), dns.rdatatype.from_text(key[1])
    return next((from_dns(one) for one in answer.answer if (one.name, one.rdtype) == wanted), None)


class Typist(DnsProvider):
    """A provider by hand, and the person who types what is asked for."""

    def __init__(self, manual: Manual, town: TownDns) -> None:
        self.manual, self.town = manual, town
        self.typed: list[str] = []

    def read_zone(self, zone: str) -> Zone:
        return self.manual.read_zone(zone)

    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        try:
            self.manual.apply(zone, changes)
        except ByHand as asked:
            self.typed += asked.records
            put(self.town, zone, changes)
            assert eventually(lambda: self._served(zone, changes)), "the secondary follows within a moment"

    def _served(self, zone: str, changes: Sequence[RRsetChange]) -> bool:
        try:
            self.manual.apply(zone, changes)
        except NotYet:
            return False
        return True


def put(town: TownDns, zone: str, changes: Sequence[RRsetChange]) -> None:
    def edited(held: Zone) -> Zone:
        gone = {one.key for one in changes if one.after is None}
        kept = {key: one for key, one in held.items() if key not in gone}
        return {**kept, **{one.key: one.after for one in changes if one.after}}

    town._data.change(zone, edited)


def lab_world(kind: str, town: Towns, **how: Any) -> World:
    if kind == "manual":
        place = town("rfc2136", resolvers=(HONEST,), **how)
        manual = Manual(resolvers=place.resolver_addresses, dns_port=place.places.dns_port, timeout_seconds=2)
        provider: DnsProvider = Typist(manual, place)
    else:
        place = town(kind, **how)
        provider = provider_of(place)
    servers = [(address, place.places.dns_port) for address in place.places.name_servers]
    return World(provider, ZONE, servers, lambda: place.zone(ZONE), lambda *sets: place.edit(ZONE, *sets))


def real_world(kind: str, authorities: Authorities, wire: str) -> World:
    zone = authorities.fresh_zone(content)
    host, port = authorities.servers[0]
    if wire == "rfc2136":
        provider: DnsProvider = keyed(authorities, KEY)
    elif kind == "bind":
        key = {"key_name": KEY[0], "key_secret": KEY[1], "key_algorithm": KEY[2]}
        provider = octo("octodns_bind.Rfc2136Provider", host=host, port=port, timeout=5, **key)
    else:
        provider = octo("octodns_powerdns.PowerDnsProvider", **authorities.api)
    return World(
        provider,
        zone,
        authorities.servers,
        lambda: authorities.zone(zone),
        lambda *sets: authorities.put(zone, *sets),
    )


def keyed(authorities: Authorities, key: tuple[str, str, str]) -> Rfc2136:
    """The provider with this key of the server's."""
    host, port = authorities.servers[0]
    name, secret, algorithm = key
    return Rfc2136(
        server=host, port=port, key_name=name, key_secret=SecretStr(secret), algorithm=algorithm, timeout_seconds=5
    )


def octo(provider_class: str, **settings: Any) -> OctoDns:
    return OctoDns(provider_class=provider_class, settings=settings)
