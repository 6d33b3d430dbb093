"""The town of these tests, open for the length of one."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from cloud_town import DOMAIN, Town

from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.company import make_company
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places


@pytest.fixture
def town() -> Iterator[Town]:
    places, authority, faults = Places(), Authority(), Faults()
    company = make_company(users=3, shared=1, public_folders=1, messages=60, domain=DOMAIN)
    zone = [rrset(f"mail.{DOMAIN}.", "A", 60, places.old_server)]
    with ExitStack() as stack:
        dns = stack.enter_context(
            TownDns(places, kind="rfc2136", zones={f"{DOMAIN}.": zone}, resolvers=[], faults=faults)
        )
        old = stack.enter_context(OldExchange(places, authority, company, faults))
        cloud = stack.enter_context(
            Cloud(
                places,
                authority,
                # The authority itself: a resolver would remember for minutes that there was no record.
                resolver=(places.name_servers[0], places.dns_port),
                mx_zone="mx.microsoft.example.",
                directory=lambda: list(old.store.mailboxes.values()),
                faults=faults,
                cycle_seconds=3600,
            )
        )
        yield Town(places, authority, faults, company, dns, old, cloud)
