"""A customer's zone, and the block that edits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr

from blocks.dns.rfc2136 import Rfc2136
from blocks.dns.route53 import Route53
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset

ZONE = "contoso.test."
CONTENT = [
    rrset(ZONE, "MX", 3600, "10 mail.contoso.test.", "20 backup.contoso.test."),
    rrset(ZONE, "TXT", 600, '"v=spf1 mx -all"', '"site-verification=a\\"b;c"', '"gr\\195\\188n"'),
    rrset(f"mail.{ZONE}", "A", 300, "192.0.2.25"),
    rrset(f"autodiscover.{ZONE}", "A", 300, "192.0.2.25"),
    rrset(f"*.apps.{ZONE}", "A", 300, "192.0.2.80"),
    rrset(f"backup.{ZONE}", "A", 300, "192.0.2.26"),  # BIND refuses an MX whose host in the zone has no address
]
Towns = Callable[..., TownDns]


def provider_of(town: TownDns, **fields: Any) -> Route53 | Rfc2136:
    """The block that edits the town's zone."""
    if town.aws is None:
        name, secret, algorithm = town.tsig_key
        return Rfc2136(
            server=town.places.name_servers[0],
            port=town.places.dns_port,
            key_name=name,
            key_secret=SecretStr(secret),
            algorithm=algorithm,
            **{"timeout_seconds": 2, **fields},
        )
    credentials = AwsCredentials(
        aws_access_key_id=fields.pop("access_key_id", town.aws.access_key_id),
        aws_secret_access_key=town.aws.secret_access_key,
        aws_client_parameters=AwsClientParameters(endpoint_url=town.route53_endpoint),
    )
    return Route53(credentials=credentials, **fields)
