"""The provider's own resolvers are proposed where it can be shown that they are the customer's provider's."""

from __future__ import annotations

import asyncio

import pytest

from deployments.cli.init.lookup import Discovery
from deployments.cli.init.own_resolvers import resolvers_of_provider
from deployments.cli.init.proposals import plan_of
from mailmove.dns.client.answer import Answer, Server

PUBLIC = [("1.1.1.1", 53), ("8.8.8.8", 53)]
ASKS_FROM = {"81.2.69.1": "81.2.69.77", "192.168.1.1": "81.2.69.78", "93.184.1.1": "93.184.1.9", "8.8.8.8": "81.2.69.9"}
"""Resolver -> the address from which it asks the world: a provider's, a router that forwards to it, somebody else's."""
ANNOUNCED = {
    "10.69.2.81.origin.asn.cymru.com.": '"64500 | 81.2.69.0/24 | GB | ripencc | 2004-01-01"',
    "77.69.2.81.origin.asn.cymru.com.": '"64501 64500 | 81.2.69.0/24 | GB | ripencc | 2004-01-01"',
    "78.69.2.81.origin.asn.cymru.com.": '"64500 | 81.2.69.0/24 | GB | ripencc | 2004-01-01"',
    "9.1.184.93.origin.asn.cymru.com.": '"64999 | 93.184.0.0/16 | US | arin | 2008-01-01"',
}
OLD_SERVER = ["81.2.69.10"]


async def ask(server: Server, name: str, rtype: str) -> Answer:
    text = f"{server[0]}:{server[1]}"
    if "myaddr" in name and server[0] in ASKS_FROM:
        return Answer(text, name, rtype, "NOERROR", (f'"{ASKS_FROM[server[0]]}"',))
    if name in ANNOUNCED and server == PUBLIC[1]:
        return Answer(text, name, rtype, "NOERROR", (ANNOUNCED[name],))
    return Answer(text, name, rtype, error="timeout")


@pytest.mark.parametrize(
    ("machine", "proposed"),
    [
        (["81.2.69.1"], ["81.2.69.1"]),
        (["192.168.1.1", "81.2.69.1"], ["192.168.1.1", "81.2.69.1"]),
        (["93.184.1.1"], []),
        (["127.0.0.53", "8.8.8.8"], []),
        (["203.0.113.1"], []),
        ([], []),
    ],
    ids=["the provider's", "by the router", "another network", "stub and public", "silent", "none"],
)
def test_only_those_of_the_old_servers_network_are_proposed(machine: list[str], proposed: list[str]) -> None:
    found = resolvers_of_provider([(address, 53) for address in machine], OLD_SERVER, PUBLIC, ask)
    assert asyncio.run(found) == proposed


@pytest.mark.parametrize("old_server", [[], ["10.0.0.5"], ["81.2.69.11"]], ids=["not seen", "private", "not announced"])
def test_where_the_network_is_not_known_nothing_is_proposed(old_server: list[str]) -> None:
    assert asyncio.run(resolvers_of_provider([("81.2.69.1", 53)], old_server, PUBLIC, ask)) == []


def test_the_plan_has_them_and_says_so() -> None:
    seen = Discovery(domain="contoso.com", own_resolvers=["81.2.69.1"])
    assert plan_of(seen, {})["propagation"] == {"own_resolvers": ["81.2.69.1"]}
    assert any("81.2.69.1" in line and "provider" in line for line in seen.lines())
    assert "propagation" not in plan_of(Discovery(domain="contoso.com"), {})
