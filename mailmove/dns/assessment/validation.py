"""Ask several resolvers whether they validate a zone, and what comes of it: twice each, with and without the CD bit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from mailmove.dns.client.extended_errors import BROKEN_CHAIN, name_of
from mailmove.dns.client.lanes import Lane, Standing
from mailmove.dns.client.lookups import Lookups
from mailmove.plan.public_resolvers import operator_of

_ASKED = 6  # resolvers, each of another operator
_TIMEOUT = 1.5  # seconds


@dataclass
class Validation:
    """asked: resolvers. refusing: those that know the zone and do not vouch for it (ip:port). vouching: those that do.

    reasons: what the refusing ones gave as reason, in words.
    """

    asked: int = 0
    refusing: list[str] = field(default_factory=list)
    vouching: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


async def ask_validators(lookups: Lookups, name: str) -> Validation:
    """Ask the resolvers that answer. One that refuses the zone is asked a second time: SERVFAIL may be a mishap."""
    lanes = _chosen(lookups)
    answers = await asyncio.gather(*(_ask(lookups, lane, name) for lane in lanes))
    refusing = [lane for lane, answer in zip(lanes, answers, strict=True) if answer.refuses]
    again = dict(zip(refusing, await asyncio.gather(*(_ask(lookups, lane, name) for lane in refusing)), strict=True))
    result = Validation(asked=sum(answer.answered for answer in answers))
    for lane, answer in zip(lanes, answers, strict=True):
        title = f"{lane.server[0]}:{lane.server[1]}"
        if lane in again:
            if again[lane].refuses:
                result.refusing.append(title)
                result.reasons += again[lane].reasons
        elif answer.vouches:
            result.vouching.append(title)
    result.reasons = list(dict.fromkeys(result.reasons))
    return result


@dataclass(frozen=True)
class _Reply:
    """answered: anything came. refuses: SERVFAIL, and knows the zone when it is asked not to validate."""

    answered: bool = False
    vouches: bool = False
    refuses: bool = False
    reasons: tuple[str, ...] = ()


def _chosen(lookups: Lookups) -> list[Lane]:
    """One lane for each operator: first those that have answered, be it by an error code, as a validator must here."""
    by_operator: dict[str, Lane] = {}
    standing = lookups.ways.memory.standing
    for lane in sorted(lookups.best, key=lambda lane: standing(lane) == Standing.UNKNOWN):
        if standing(lane) != Standing.SILENT:
            by_operator.setdefault(f"{operator_of(lane.server[0])} {lane.server[1]}", lane)
    return list(by_operator.values())[:_ASKED]


async def _ask(lookups: Lookups, lane: Lane, name: str) -> _Reply:
    plain, unchecked = await asyncio.gather(
        lookups.asker.exchange(lane, _query(name, dns.flags.AD), _TIMEOUT),
        lookups.asker.exchange(lane, _query(name, dns.flags.CD), _TIMEOUT),
    )
    if plain is None:
        return _Reply(answered=unchecked is not None)
    fails = plain.rcode() == dns.rcode.SERVFAIL
    knows = unchecked is not None and unchecked.rcode() == dns.rcode.NOERROR and bool(unchecked.answer)
    errors = [
        option for option in plain.options if isinstance(option, dns.edns.EDEOption) and option.code in BROKEN_CHAIN
    ]
    return _Reply(
        answered=True,
        vouches=plain.rcode() == dns.rcode.NOERROR and bool(plain.flags & dns.flags.AD),
        refuses=fails and (knows or bool(errors)),
        reasons=tuple(name_of(option.code).lower() for option in errors),
    )


def _query(name: str, flag: dns.flags.Flag) -> dns.message.Message:
    query = dns.message.make_query(name, "SOA", use_edns=0, payload=1232)
    query.flags |= flag
    return query
