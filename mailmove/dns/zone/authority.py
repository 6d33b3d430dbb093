"""The authoritative servers of a zone: who they are, and whether every one of them serves what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from mailmove.dns.canonical import canonical
from mailmove.dns.client.query import Answer, Server, ask, ask_all
from mailmove.errors import Blocked, Transient
from mailmove.records import RRset


class Authority(NamedTuple):
    """One authoritative server of a zone; one whose name leads nowhere has a `fault` and no address."""

    name: str  # of the name server, with the last dot
    address: str
    fault: str = ""


async def authorities(
    zone: str, resolvers: Sequence[Server], dns_port: int = 53, *, timeout: float = 5.0
) -> list[Authority]:
    """Every (name, address) that the zone's NS set leads to, IPv4 first and IPv6 where there is none.

    `zone` may be a name inside a zone: the closest enclosing zone is taken. `dns_port` is where the servers will
    be asked. Blocked: there is no such zone. Transient: no resolver answered, or no name server has an address.
    """
    names = await _name_servers(zone, resolvers, timeout)
    servers: list[Authority] = []
    for name in names:
        try:
            addresses = await _values(name, "A", resolvers, timeout) or await _values(name, "AAAA", resolvers, timeout)
        except Transient as error:  # of this one name: the resolvers have just told the NS set
            servers.append(Authority(name, "", f"its name cannot be resolved ({error.seen})"))
            continue
        servers.extend(Authority(name, address) for address in addresses)
        servers.extend([] if addresses else [Authority(name, "", "its name has no address")])
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


async def _name_servers(zone: str, resolvers: Sequence[Server], timeout: float) -> tuple[str, ...]:
    labels = zone.rstrip(".").split(".")
    for first in range(max(1, len(labels) - 1)):
        name = ".".join(labels[first:]) + "."
        if values := await _values(name, "NS", resolvers, timeout):
            return values
    raise Blocked(
        f"zone {zone}",
        wanted="its name servers",
        seen=f"no NS records at {zone} or above it",
        todo="Check that the domain is registered and delegated.",
    )


async def _values(name: str, rtype: str, resolvers: Sequence[Server], timeout: float) -> tuple[str, ...]:
    """The values from the first resolver that answers. Transient: none answers."""
    errors = []
    for resolver in resolvers:
        answer = await ask(resolver, name, rtype, recursive=True, timeout=timeout)
        if not answer.error:
            return answer.values
        errors.append(f"{answer.server}: {answer.error}")
    raise Transient(
        "resolvers",
        wanted=f"{rtype} of {name}",
        seen="; ".join(errors) or "no resolver to ask",
        todo="Check that this machine may send DNS queries to them.",
    )
