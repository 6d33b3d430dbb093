"""A town whose name servers serve a zone of a case's choice, and the providers that edit it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr

from blocks.dns.manual import Manual
from blocks.dns.rfc2136 import Rfc2136
from blocks.dns.route53 import Route53
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.client.answer import Server
from mailmove.errors import NotYet
from mailmove.records import RRset

T = TypeVar("T")
ZONE = "kunde.example."
SPF = '"v=spf1 mx -all"'
PLAIN = [
    rrset(ZONE, "MX", 3600, f"10 mail.{ZONE}"),
    rrset(ZONE, "TXT", 3600, SPF),
    rrset(f"mail.{ZONE}", "A", 3600, "192.0.2.25"),
    rrset(f"web.{ZONE}", "A", 3600, "192.0.2.80"),
]
ASKED = [
    rrset(ZONE, "MX", 3600, "0 kunde-example.mail.protection.outlook.com."),
    rrset(ZONE, "TXT", 3600, '"v=spf1 include:spf.protection.outlook.com -all"'),
    rrset(f"autodiscover.{ZONE}", "CNAME", 3600, "autodiscover.outlook.com."),
]
"""What Microsoft asks for."""


@dataclass
class ZoneWorld:
    """resolvers: (address, port); the name servers have the same port."""

    town: TownDns
    faults: Faults
    resolvers: list[Server]

    @property
    def port(self) -> int:
        return self.town.places.dns_port

    @property
    def by_hand(self) -> Manual:
        return Manual(resolvers=self.town.resolver_addresses, dns_port=self.port, timeout_seconds=2)

    @property
    def by_update(self) -> Rfc2136:
        name, secret, algorithm = self.town.tsig_key
        return Rfc2136(
            server=self.town.places.name_servers[0],
            port=self.port,
            key_name=name,
            key_secret=SecretStr(secret),
            algorithm=algorithm,
            timeout_seconds=5,
        )

    @property
    def by_route53(self) -> Route53:
        assert self.town.aws is not None
        credentials = AwsCredentials(
            aws_access_key_id=self.town.aws.access_key_id,
            aws_secret_access_key=self.town.aws.secret_access_key,
            aws_client_parameters=AwsClientParameters(endpoint_url=self.town.route53_endpoint),
        )
        return Route53(credentials=credentials)


def settled(work: Callable[[], T]) -> T:
    """What it gives once the secondary has followed, which takes a moment."""
    for _ in range(200):
        try:
            return work()
        except NotYet:
            time.sleep(0.05)
    return work()


@contextmanager
def zone_world(
    sets: Sequence[RRset] = PLAIN,
    *,
    kind: Literal["rfc2136", "route53"] = "rfc2136",
    faults: Sequence[str] = (),
    zone: str = ZONE,
) -> Iterator[ZoneWorld]:
    """sets: of the zone; its SOA and NS are added."""
    chosen = Faults()
    for fault in faults:
        chosen.set(fault)
    with TownDns(Places(), kind=kind, zones={zone: sets}, resolvers=(HONEST,), faults=chosen) as town:
        yield ZoneWorld(town, chosen, [(each.address, each.port) for each in town.resolvers])
