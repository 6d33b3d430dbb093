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
    """One authoritative server of a zone."""

    name: str  # of the name server, with the last dot
    address: str


async def authorities(
    zone: str, resolvers: Sequence[Server], dns_port: int = 53, *, timeout: float = 5.0
) -> list[Authority]:
    """Every (name, address) that the zone's NS set leads to, IPv4 first and IPv6 where there is none.

    `zone` may be a name inside a zone: the closest enclosing zone is taken. `dns_port` is where the servers will
    be asked. Blocked: there is no such zone. Transient: no resolver answered, or a name server has no address.
    """
    names = await _name_servers(zone, resolvers, timeout)
    servers: list[Authority] = []
    for name in names:
        addresses = await _values(name, "A", resolvers, timeout) or await _values(name, "AAAA", resolvers, timeout)
        if not addresses:
            raise Transient(
                f"name server {name}",
                wanted="its address",
                seen="no A or AAAA record",
                todo=f"Mend the NS set of {zone} or the address of {name}; it cannot be asked otherwise.",
            )
        servers.extend(Authority(name, address) for address in addresses)
    return servers


async def ask_authorities(
    servers: Sequence[Authority], name: str, rtype: str, *, dns_port: int = 53, timeout: float = 5.0
) -> list[Answer]:
    """Ask every server. An answer without the AA bit is an error: that server does not serve the zone."""
    answers = await ask_all(
        [(server.address, dns_port) for server in servers], name, rtype, recursive=False, timeout=timeout
    )
    return [
        replace(answer, error="not authoritative") if not answer.error and not answer.authoritative else answer
        for answer in answers
    ]


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
