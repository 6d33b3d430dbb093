"""The whole DNS of a town: the customer's provider, two name servers, and resolvers with their habits."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, NamedTuple

import dns.name
import dns.tsig

from lab.dns.authoritative import AuthoritativeServer
from lab.dns.loop import LoopThread
from lab.dns.resolver import Behaviour, CachingResolver
from lab.dns.route53 import AwsServer
from lab.dns.zone_data import ZoneData, rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.records import RRset, Zone

NAME_SERVERS = ("ns1.lab-dns.example.", "ns2.lab-dns.example.")
"""Names of the two authoritative servers of every zone of the town."""


class TsigKey(NamedTuple):
    name: str
    secret: str  # base64
    algorithm: str


class TownDns:
    """`with TownDns(places, kind="rfc2136", zones={"contoso.com.": [...]}, ...) as town:`

    zones:         the customer's, edited through the provider of `kind`. SOA and NS are added.
    resolvers:     one CachingResolver for each, at `places.resolver(0)` and up.
    secondary_lag: seconds until a change reaches the second name server.
    insync_delay:  seconds until Route 53 says INSYNC and the name servers have a change.
    ttl_floor:     the provider raises lower TTLs to this many seconds.
    """

    def __init__(
        self,
        places: Places,
        *,
        kind: Literal["rfc2136", "route53"],
        zones: Mapping[str, Sequence[RRset]],
        resolvers: Sequence[Behaviour],
        faults: Faults,
        secondary_lag: float = 0.0,
        insync_delay: float = 0.0,
        ttl_floor: int = 0,
    ) -> None:
        self.places, self.kind, self._behaviours, self._faults = places, kind, tuple(resolvers), faults
        self._insync_delay, self._customer = insync_delay, {_absolute(name): rrsets for name, rrsets in zones.items()}
        self._data = ZoneData(ttl_floor=ttl_floor, lag=secondary_lag)
        self.tsig_key = TsigKey("mailmove-lab.", base64.b64encode(secrets.token_bytes(32)).decode(), "hmac-sha256")
        self.add_zone(
            "lab-dns.example.",
            [rrset(ns, "A", 3600, ip) for ns, ip in zip(NAME_SERVERS, places.name_servers, strict=True)],
        )
        for name, rrsets in self._customer.items():
            self.add_zone(name, rrsets)
        for name in sorted({name.partition(".")[2] for name in self._customer} - {""} - set(self._data.names)):
            self.add_zone(name, [])  # the parent: who asks for a delegation meets the zone itself here
        self.hosted_zone_ids: dict[str, str] = {}
        self.aws: AwsServer | None = None

    def add_zone(self, name: str, rrsets: Iterable[RRset]) -> None:
        """Serve one more zone, before the start or while running. It is static: no provider edits it."""
        name = _absolute(name)
        self._data.add(name, [rrset(name, "NS", 3600, *NAME_SERVERS), *rrsets])

    def __enter__(self) -> TownDns:
        with ExitStack() as stack:
            port, servers = self.places.dns_port, self.places.name_servers
            loop = stack.enter_context(LoopThread())
            keys = (
                {dns.name.from_text(self.tsig_key.name): dns.tsig.Key(*self.tsig_key)} if self.kind == "rfc2136" else {}
            )
            for address in servers:
                primary = address == servers[0]
                stack.enter_context(
                    AuthoritativeServer(address, port, self._data, keys, self._faults, primary=primary, loop=loop)
                )
            upstreams = {".": [(address, port) for address in servers]}
            self.resolvers = [
                stack.enter_context(
                    CachingResolver(self.places.resolver(index), port, upstreams, habit, self._faults, loop=loop)
                )
                for index, habit in enumerate(self._behaviours)
            ]
            if self.kind == "route53":
                self.aws = stack.enter_context(
                    AwsServer(servers[0], self._faults, zones=self._data, insync_delay=self._insync_delay)
                )
                self.hosted_zone_ids = {
                    name: self.aws.add_zone(name, self._data.zone(name).values()) for name in self._customer
                }
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def resolver_addresses(self) -> list[str]:
        """Address of every resolver, as `ip:port`."""
        return [f"{each.address}:{each.port}" for each in self.resolvers]

    @property
    def route53_endpoint(self) -> str:
        assert self.aws is not None, "this town's provider is not Route 53"
        return self.aws.endpoint_url

    def zone(self, name: str) -> Zone:
        """A zone as the primary serves it now."""
        return self._data.zone(_absolute(name))

    def edit(self, name: str, *rrsets: RRset) -> None:
        """Set record sets as another administrator does, without Mailmove."""
        if self.aws and _absolute(name) in self.hosted_zone_ids:
            self.aws.put(self.hosted_zone_ids[_absolute(name)], rrsets)
        else:
            self._data.put(_absolute(name), *rrsets)

    def picture(self) -> dict[str, Any]:
        """Every customer zone as served now, JSON-able, without SOA: equal pictures mean equal zones."""
        return {
            name: {
                f"{record_set.name} {record_set.type}": [record_set.ttl, *record_set.values]
                for record_set in self._sorted(name)
                if record_set.type != "SOA"
            }
            for name in self._customer
        }

    def _sorted(self, name: str) -> list[RRset]:
        return [record_set for _, record_set in sorted(self._data.zone(name).items())]


def _absolute(name: str) -> str:
    return name.lower().rstrip(".") + "."
