"""Find resolvers of the customer's own provider: this machine's, if they and the old server are of one network.

A provider's resolvers answer its own customers only. So there is nobody to ask for them but the machine that init runs
on, and they are the customer's provider's only if the address from which such a resolver asks the world, and the old
server's public address, are announced by the same autonomous system. Where that cannot be shown, none is proposed.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence

import dns.resolver
import dns.reversename

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many
from mailmove.dns.client.interference import WHOAMI
from mailmove.plan.public_resolvers import operator_at

Ask = Callable[[Server, str, str], Awaitable[Answer]]
"""Asks a resolver for a name and type."""

_ORIGIN = {4: ("in-addr.arpa.", "origin.asn.cymru.com."), 6: ("ip6.arpa.", "origin6.asn.cymru.com.")}
"""IP version -> (end of the reversed address, zone in which Team Cymru tells who announces it).

Its TXT record: "23028 | 216.90.108.0/24 | US | arin | 1998-09-25"; several numbers are parted by blanks.
"""


def machine_resolvers() -> list[Server]:
    """The resolvers that this machine is set to; none where it has no such setting."""
    try:
        return [(str(address), 53) for address in dns.resolver.Resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        return []


async def resolvers_of_provider(
    machine: Sequence[Server], old_server: Sequence[str], public: Sequence[Server], ask: Ask | None = None
) -> list[str]:
    """Addresses of those resolvers of this machine that stand in the old server's network.

    machine: resolvers of this machine. old_server: its public addresses. public: resolvers that are asked who announces
    an address; the first answer counts. Never raises for what others answer, or do not.
    """
    asking = ask or _ask
    own = [
        server for server in machine if not ipaddress.ip_address(server[0]).is_loopback and not operator_at(server[0])
    ]
    if not own or not old_server:
        return []
    networks = await asyncio.gather(*(_networks(address, public, asking) for address in old_server))
    home = set[str]().union(*networks)
    origins = await asyncio.gather(*(_origin(server, public, asking) for server in own))
    return [server[0] for server, origin in zip(own, origins, strict=True) if origin & home]


async def _origin(server: Server, public: Sequence[Server], ask: Ask) -> set[str]:
    """The networks of the address from which this resolver asks the world."""
    answer = await ask(server, WHOAMI, "TXT")
    addresses = [value.strip('"') for value in answer.values if not answer.error]
    found = await asyncio.gather(*(_networks(address, public, ask) for address in addresses))
    return set[str]().union(*found)


async def _networks(address: str, public: Sequence[Server], ask: Ask) -> set[str]:
    """Numbers of the autonomous systems that announce an address; empty: not known, or it is no public address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return set()
    if not parsed.is_global:
        return set()
    arpa, zone = _ORIGIN[parsed.version]
    name = dns.reversename.from_address(address).to_text().removesuffix(arpa) + zone
    for server in public[:3]:
        answer = await ask(server, name, "TXT")
        if not answer.error and answer.values:
            fields = [value.strip('"').partition("|")[0] for value in answer.values]
            return {number for field in fields for number in field.split() if number.isdigit()}
    return set()


async def _ask(server: Server, name: str, rtype: str) -> Answer:
    [answer] = await ask_many([DnsQuestion(server, name, rtype)], timeout=2)
    return answer
