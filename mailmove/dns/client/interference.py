"""Is it really the world that answers? Intercepted port 53, and a split horizon, found and named.

A network may answer for everybody on port 53, or keep its own view of the customer's zone. Then what is measured
from here is not what the senders of mail see. Signs, all harmless to ask for:
- an address where nobody can be (192.0.2.1, RFC 5737) answers;
- a resolver does not know who it is: `id.server` CH TXT (RFC 4892) tells another operator's form, or resolvers of
  different operators tell the same name, or reach the world from the same address ("Home is Where the Hijacking is",
  IMC 2021, used these questions);
- a resolver claims authority over the zone, or has what no authoritative server has.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.client.bulk_query import Question, ask_many
from mailmove.evidence import Finding
from mailmove.plan.public_resolvers import operator_at, operator_of

NOWHERE: Server = ("192.0.2.1", 53)
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
    questions = [Question(server, "id.server.", "TXT", recursive=False, rdclass="CH") for server in resolvers]
    if whoami:
        questions += [Question(server, whoami, "TXT") for server in resolvers]
    if nowhere:
        questions.append(Question(nowhere, name, "A"))
    answers = await ask_many(questions, timeout=timeout)
    ids, count = answers[: len(resolvers)], len(resolvers)
    origins = answers[count : 2 * count] if whoami else []
    found = [answered_from_nowhere(answers[-1])] if nowhere else []
    found += [strange_identity(answer) for answer in ids]
    found += [same_hand(_texts(ids), "the name"), same_hand(_addresses(origins), "the address")]
    return [one for one in found if one]


def answered_from_nowhere(answer: Answer) -> Finding | None:
    """`answer` is what came from an address where nobody can be."""
    if answer.rcode is None:
        return None
    return Finding(
        subject="port 53 is intercepted",
        seen=f"{answer.server}, where nobody can be, answers ({answer.rcode})",
        means="Something on the way answers for every name server. What is measured from here is its cache only.",
        todo=_TODO,
    )


def strange_identity(answer: Answer) -> Finding | None:
    """`answer` is what a public resolver says to id.server CH TXT."""
    operator = operator_at(answer.server.rpartition(":")[0])
    if operator is None or operator.identity is None or answer.error or not answer.values:
        return None
    said = answer.values[0].strip('"')
    if re.search(operator.identity, said):
        return None
    return Finding(
        subject=f"{answer.server} is not {operator.operator}",
        seen=f"it calls itself {said!r}, which is not {operator.operator}'s form",
        means="Somebody else answers in its place.",
        todo=_TODO,
    )


def same_hand(told: Mapping[str, str], what: str) -> Finding | None:
    """`told`: server (ip:port) -> the name or the address that only one operator can have."""
    servers = defaultdict[str, list[str]](list)
    for server, one in told.items():
        servers[one].append(server)
    for one, members in servers.items():
        if len({operator_of(server.rpartition(":")[0]) for server in members}) > 1:
            return Finding(
                subject="several resolvers are one",
                seen=f"{', '.join(members)} all have {what} {one}",
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
    """One finding for each resolver that has a zone of its own; `split_horizon` says how that is told."""
    answers = await ask_many([Question(server, name, rtype) for server in resolvers], timeout=timeout)
    found = [split_horizon(answer, authoritative, settled=settled) for answer in answers]
    return [one for one in found if one]


def split_horizon(inside: Answer, authoritative: Sequence[Answer], *, settled: bool = True) -> Finding | None:
    """Does a resolver have a zone of its own? `settled`: nothing was changed within the TTL, so caches must agree."""
    if inside.error:
        return None
    outside = {one.values for one in authoritative if not one.error}
    if inside.authoritative and inside.values not in outside:
        seen = f"{inside.server} claims authority and has {_or_nothing(inside.values)}"
    elif settled and outside and inside.values not in outside:
        seen = f"{inside.server} has {_or_nothing(inside.values)}"
    else:
        return None
    others = " or ".join(sorted(_or_nothing(values) for values in outside)) or "nothing"
    return Finding(
        subject=f"split horizon for {inside.name} {inside.type}",
        seen=f"{seen}; the authoritative servers have {others}",
        means="People inside are sent elsewhere than the world. The move changes the world's view only.",
        todo=f"Make the same change by hand in the inside zone of {inside.name}, or leave this resolver out.",
    )


def _or_nothing(values: Sequence[str]) -> str:
    return ", ".join(values) or "nothing"


def _texts(answers: Sequence[Answer]) -> dict[str, str]:
    """What each calls itself; a name that many have (`localhost`) tells nothing."""
    named = {one.server: one.values[0].strip('"') for one in answers if not one.error and one.values}
    return {server: said for server, said in named.items() if "." in said and not said.startswith("localhost")}


def _addresses(answers: Sequence[Answer]) -> dict[str, str]:
    found = {}
    for one in answers:
        for value in one.values:
            try:
                found[one.server] = str(ipaddress.ip_address(value.strip('"')))
            except ValueError:
                continue
    return found
