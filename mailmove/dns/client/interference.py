"""Detect intercepted port 53 and split-horizon DNS: is it really the public DNS that answers?

A network may answer for everybody on port 53, or keep its own view of the customer's zone. Then what is measured
from here is not what the senders of mail see. Signs, all harmless to ask for:
- an address that no machine may have (192.0.2.1, RFC 5737) answers;
- a resolver has a wrong identity: `id.server` CH TXT (RFC 4892) has not its operator's form, or resolvers of
  different operators give the same name, or ask from the same address ("Home is Where the Hijacking is",
  IMC 2021, used these questions);
- a resolver claims authority over the zone, or has what no authoritative server has.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from mailmove.dns.client.answer import Answer, Server, address_of
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many
from mailmove.evidence import Finding
from mailmove.plan.public_resolvers import operator_at, operator_of

NOWHERE: Server = ("192.0.2.1", 53)
"""An address that no machine may have (RFC 5737)."""
WHOAMI = "o-o.myaddr.l.google.com."
"""Its TXT record is the address that the resolver itself asks from."""

_TODO = "Measure from another network, or let this one pass DNS to the resolvers (port 53 or HTTPS) untouched."


async def interference(
    resolvers: Sequence[Server],
    name: str,
    *,
    nowhere: Server | None = NOWHERE,
    whoami: str | None = WHOAMI,
    timeout: float = 3.0,
) -> list[Finding]:
    """Ask for the signs of interception, all at once. None leaves that question out."""
    questions = [DnsQuestion(server, "id.server.", "TXT", recursive=False, rdclass="CH") for server in resolvers]
    if whoami:
        questions += [DnsQuestion(server, whoami, "TXT") for server in resolvers]
    if nowhere:
        questions.append(DnsQuestion(nowhere, name, "A"))
    answers = await ask_many(questions, timeout=timeout)
    ids, count = answers[: len(resolvers)], len(resolvers)
    origins = answers[count : 2 * count] if whoami else []
    findings = [answered_from_nowhere(answers[-1])] if nowhere else []
    findings += [strange_identity(answer) for answer in ids]
    findings += [shared_identity(_names(ids), "the name"), shared_identity(_addresses(origins), "the address")]
    return [finding for finding in findings if finding]


def answered_from_nowhere(answer: Answer) -> Finding | None:
    """The finding if an address that no machine may have answers. `answer`: from that address."""
    if answer.rcode is None:
        return None
    return Finding(
        subject="port 53 is intercepted",
        seen=f"{answer.server}, where nobody can be, answers ({answer.rcode})",
        means="Something on the way answers for every name server. What is measured from here is its cache only.",
        todo=_TODO,
    )


def strange_identity(answer: Answer) -> Finding | None:
    """The finding if a public resolver does not name itself as its operator does. `answer`: to id.server CH TXT."""
    operator = operator_at(answer.address)
    if operator is None or operator.identity is None or answer.error or not answer.values:
        return None
    identity = answer.values[0].strip('"')
    if re.search(operator.identity, identity):
        return None
    return Finding(
        subject=f"{answer.server} is not {operator.operator}",
        seen=f"it calls itself {identity!r}, which is not {operator.operator}'s form",
        means="Somebody else answers in its place.",
        todo=_TODO,
    )


def shared_identity(identities: Mapping[str, str], what: str) -> Finding | None:
    """The finding if resolvers of different operators share an identity.

    identities: server (ip:port) -> the name or the address that only one operator can have. what: which of the two.
    """
    servers = defaultdict[str, list[str]](list)
    for server, identity in identities.items():
        servers[identity].append(server)
    for identity, members in servers.items():
        if len({operator_of(address_of(server)) for server in members}) > 1:
            return Finding(
                subject="several resolvers are one",
                seen=f"{', '.join(members)} all have {what} {identity}",
                means="Resolvers of different operators answer with one voice: port 53 is intercepted, or they all "
                "forward to the same resolver.",
                todo=_TODO,
            )
    return None


async def split_horizons(
    resolvers: Sequence[Server],
    authoritative: Sequence[Answer],
    name: str,
    rtype: str,
    *,
    settled: bool = True,
    timeout: float = 3.0,
) -> list[Finding]:
    """Ask every resolver for the set; one finding for each that has a zone of its own (see `split_horizon`)."""
    answers = await ask_many([DnsQuestion(server, name, rtype) for server in resolvers], timeout=timeout)
    findings = [split_horizon(answer, authoritative, settled=settled) for answer in answers]
    return [finding for finding in findings if finding]


def split_horizon(inside: Answer, authoritative: Sequence[Answer], *, settled: bool = True) -> Finding | None:
    """The finding if a resolver has a zone of its own: it claims authority, or has values that no authority has.

    settled: nothing was changed within the TTL, so that caches must agree.
    """
    if inside.error:
        return None
    outside = {answer.values for answer in authoritative if not answer.error}
    if inside.authoritative and inside.values not in outside:
        difference = f"{inside.server} claims authority and has {_or_nothing(inside.values)}"
    elif settled and outside and inside.values not in outside:
        difference = f"{inside.server} has {_or_nothing(inside.values)}"
    else:
        return None
    others = " or ".join(sorted(_or_nothing(values) for values in outside)) or "nothing"
    return Finding(
        subject=f"split horizon for {inside.name} {inside.type}",
        seen=f"{difference}; the authoritative servers have {others}",
        means="People inside are sent elsewhere than the world. The move changes the world's view only.",
        todo=f"Make the same change by hand in the inside zone of {inside.name}, or leave this resolver out.",
    )


def _or_nothing(values: Sequence[str]) -> str:
    return ", ".join(values) or "nothing"


def _names(answers: Sequence[Answer]) -> dict[str, str]:
    """Server -> the name that it gives itself; names that many have (`localhost`) are left out."""
    names = {answer.server: answer.values[0].strip('"') for answer in answers if not answer.error and answer.values}
    return {server: name for server, name in names.items() if "." in name and not name.startswith("localhost")}


def _addresses(answers: Sequence[Answer]) -> dict[str, str]:
    """Server -> the address that it asks from."""
    addresses = {}
    for answer in answers:
        for value in answer.values:
            try:
                addresses[answer.server] = str(ipaddress.ip_address(value.strip('"')))
            except ValueError:
                continue
    return addresses
