"""The authoritative servers of a zone: who they are, and whether every one of them serves what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from mailmove.dns.canonical import canonical
from mailmove.dns.client.lanes import Ways
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.client.query import Answer, Server, ask_all
from mailmove.dns.zone.enclosing import enclosing_names
from mailmove.errors import Blocked, Transient
from mailmove.records import RRset


class Authority(NamedTuple):
    """One authoritative server of a zone; one whose name leads nowhere has a `fault` and no address."""

    name: str  # of the name server, with the last dot
    address: str
    fault: str = ""


async def authorities(
    zone: str,
    resolvers: Sequence[Server],
    dns_port: int = 53,
    *,
    timeout: float = 5.0,
    ways: Ways | None = None,
) -> list[Authority]:
    """Every (name, address) that the zone's NS set leads to, IPv4 first and IPv6 where there is none.

    `zone` may be a name inside a zone: the closest enclosing zone is taken. `dns_port` is where the servers will
    be asked. Blocked: there is no such zone. Transient: no resolver answered, or no name server has an address.
    """
    async with Lookups(resolvers, timeout=timeout, ways=ways) as lookups:
        names = await _name_servers(zone, lookups)
        several = await asyncio.gather(*(_with_addresses(name, lookups) for name in names))
    servers = [server for those in several for server in those]
    if not any(server.address for server in servers):
        raise Transient(
            f"name servers of {zone}",
            wanted="the address of one of them",
            seen="; ".join(f"{server.name}: {server.fault}" for server in servers),
            todo=f"Mend the NS set of {zone} or the addresses of its name servers.",
        )
    return servers


async def ask_authorities(
    servers: Sequence[Authority], name: str, rtype: str, *, dns_port: int = 53, timeout: float = 5.0
) -> list[Answer]:
    """Ask every server; the answers come in the order of the servers.

    An answer without the AA bit is an error: that server does not serve the zone. One without an address is one, too.
    """
    asked = [(server.address, dns_port) for server in servers if server.address]
    answers = iter(await ask_all(asked, name, rtype, recursive=False, timeout=timeout))
    return [
        _judged(next(answers, None) if server.address else None, server, name, rtype, dns_port) for server in servers
    ]


def _judged(answer: Answer | None, server: Authority, name: str, rtype: str, dns_port: int) -> Answer:
    if answer is None:
        return Answer(server=f"{server.name}:{dns_port}", name=name, type=rtype, error=server.fault or "no answer")
    if not answer.error and not answer.authoritative:
        return replace(answer, error="not authoritative")
    return answer


def agree(answers: Sequence[Answer], wanted: RRset | None) -> bool:
    """Does every server serve exactly this set, TTL included? None: every server answers that there is no such set."""
    return bool(answers) and not disagreements(answers, wanted)


def disagreements(answers: Sequence[Answer], wanted: RRset | None) -> list[str]:
    """One sentence for each server that does not serve `wanted`, by name."""
    values = canonical(wanted).values if wanted else ()
    sentences = []
    for answer in answers:
        if answer.error:
            sentences.append(f"{answer.server} does not answer: {answer.error}")
        elif answer.values != values:
            sentences.append(f"{answer.server} serves {', '.join(answer.values) or 'nothing'}")
        elif wanted and answer.ttl != wanted.ttl:
            sentences.append(f"{answer.server} serves it with TTL {answer.ttl} instead of {wanted.ttl}")
    return sentences


async def _name_servers(zone: str, lookups: Lookups) -> tuple[str, ...]:
    for name in enclosing_names(zone):
        if values := await _values(name, "NS", lookups):
            return values
    raise Blocked(
        f"zone {zone}",
        wanted="its name servers",
        seen=f"no NS records at {zone} or above it",
        todo="Check that the domain is registered and delegated.",
    )


async def _with_addresses(name: str, lookups: Lookups) -> list[Authority]:
    try:
        addresses = await _values(name, "A", lookups) or await _values(name, "AAAA", lookups)
    except Transient as error:  # of this one name: the resolvers have just told the NS set
        return [Authority(name, "", f"its name cannot be resolved ({error.seen})")]
    return [Authority(name, address) for address in addresses] or [Authority(name, "", "its name has no address")]


async def _values(name: str, rtype: str, lookups: Lookups) -> tuple[str, ...]:
    """The values from the first resolver that answers. Transient: none answers."""
    answer = await lookups.get(name, rtype)
    if not answer.error:
        return answer.values
    raise Transient(
        "resolvers",
        wanted=f"{rtype} of {name}",
        seen=f"{answer.server}: {answer.error}" + (" (and no other answers)" if len(lookups.resolvers) > 1 else ""),
        todo="Check that this machine may send DNS queries to them.",
    )
