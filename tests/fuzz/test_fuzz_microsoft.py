"""Readers of Microsoft's answers, on spoiled ones: a MailmoveError, or all that was in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import playing
import pytest
from night_tenant import DOMAIN, TXT, UNPROVED
from reader import Reader
from readers_of_microsoft import microsoft_names, microsoft_readers, recorder
from readers_of_pwsh import PWSH_NAMES, pwsh_readers

from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places

NAMES = (*microsoft_names(), *PWSH_NAMES)
pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    places, authority, faults = Places(), Authority(), Faults()
    zones = {f"{UNPROVED}.": [rrset(f"{UNPROVED}.", "TXT", 60, f'"{TXT}"')], f"{DOMAIN}.": []}
    with ExitStack() as stack:
        stack.enter_context(TownDns(places, kind="rfc2136", zones=zones, resolvers=[], faults=faults))
        resolver = (places.name_servers[0], places.dns_port)
        cloud = Cloud(places, authority, resolver=resolver, mx_zone="mx.example.", directory=list, faults=faults,
                      cycle_seconds=3600)  # fmt: skip
        faults.set("migration.frozen")
        made = recorder(cloud, authority)
        stack.enter_context(cloud)
        yield {reader.name: reader for reader in (*microsoft_readers(made), *pwsh_readers())}


def test_every_reader_has_its_name_here(readers: dict[str, Reader]) -> None:
    assert sorted(readers) == sorted(NAMES)


@pytest.mark.parametrize("name", playing.names(dict.fromkeys(NAMES)))
def test_a_spoiled_answer_is_refused_or_read_whole(readers: dict[str, Reader], name: str) -> None:
    playing.check(readers[name])
