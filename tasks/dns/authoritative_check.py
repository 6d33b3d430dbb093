"""What the authoritative servers serve, beside what a stage wants them to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mailmove.dns.client.query import Answer
from mailmove.dns.zone.authority import agree, ask_authorities, authorities, disagreements
from mailmove.dns.zone.manual_entry import typing_lines
from mailmove.errors import ByHand, NotYet
from mailmove.evidence import Change, Look
from mailmove.plan.cutover import Cutover
from mailmove.records import RRset, RRsetChange
from tasks.execution.open_blocks import dns_provider
from tasks.ledger.ledger import Ledger


@dataclass
class Seen:
    """facts: who serves what. late: one sentence for each server that does not serve `open` yet."""

    facts: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    open: list[RRsetChange] = field(default_factory=list)


def served_everywhere(cutover: Cutover, changes: list[RRsetChange]) -> list[str]:
    """Facts, when every authoritative server serves every change. NotYet names each one that does not.

    Where the zone is edited by hand it is ByHand, with the lines that are still to be typed.
    """
    provider = dns_provider(cutover)
    seen = asyncio.run(ask_for(cutover, changes, by_hand=provider.by_hand))
    if not seen.late:
        return seen.facts
    who, wanted, late = "authoritative name servers", "the new records at every one of them", "; ".join(seen.late)
    if provider.by_hand:
        todo = "Type what is missing where the zone is edited; it goes on by itself."
        raise ByHand(who, wanted=wanted, seen=late, todo=todo, records=typing_lines(seen.open))
    raise NotYet(who, wanted=wanted, seen=late, todo="Providers take seconds to minutes; it is asked again.")


async def ask_for(cutover: Cutover, changes: list[RRsetChange], *, by_hand: bool) -> Seen:
    """Ask every authoritative server for every change."""
    seen, port = Seen(), cutover.propagation.dns_port
    aliases = {one.key[0] for one in changes if one.after and one.after.type == "CNAME"}
    for one in changes:
        name, rtype = one.key
        if one.after is None and name in aliases:
            continue  # what a CNAME displaced: asking for it gives what the CNAME leads to
        servers = await authorities(zone_of_name(cutover, name), resolvers_of(cutover), port)
        answers = await ask_authorities(servers, name, rtype, dns_port=port)
        typed = _typed_with_another_ttl(cutover, one, answers) if by_hand else None
        said = [] if typed else [f"{words} ({rtype} {name})" for words in disagreements(answers, one.after)]
        seen.late += said
        seen.open += [one] if said else []
        asked = f" (asked for {one.after.ttl} s)" if typed and one.after else ""
        seen.facts.append(
            f"{len(answers)} authoritative servers serve {typed or one.after or f'no {rtype} {name}'}{asked}"
        )
    return seen


def looking_at(
    expected: Callable[[Cutover, Ledger], list[RRsetChange]],
) -> Callable[[Cutover, Ledger, Look | None], Awaitable[Look]]:
    """A cheap condition for a stage whose `verify` asks for `expected`: the watch asks the servers, nothing else."""

    async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
        changes = await asyncio.to_thread(expected, cutover, ledger)
        by_hand = (await asyncio.to_thread(dns_provider, cutover)).by_hand
        seen = await ask_for(cutover, changes, by_hand=by_hand)
        if not seen.late:
            return Look(done=True, summary="; ".join(seen.facts))
        details = [f"to be typed: {line}" for line in typing_lines(seen.open)] if by_hand else []
        return Look(done=False, summary="; ".join(seen.late), details=details)

    return look_on


def resolvers_of(cutover: Cutover) -> list[tuple[str, int]]:
    """The plan's resolvers as (address, port)."""
    return cutover.propagation.servers


def zone_of_name(cutover: Cutover, name: str) -> str:
    """The zone of the longest of the plan's domains that the name lies in."""
    within = [domain for domain in cutover.domains if f".{name}".endswith(f".{domain}.")]
    return f"{max(within, key=len)}."


def rrset_change(one: Change) -> RRsetChange:
    """The record change that a ledger entry tells of."""
    before, after = (RRset.model_validate(value) if value else None for value in (one.before, one.after))
    return RRsetChange(before=before, after=after)


def _typed_with_another_ttl(cutover: Cutover, one: RRsetChange, answers: list[Answer]) -> RRset | None:
    """What is served, if it is what was to be typed with a TTL that the form raised, up to the plan's limit."""
    ttls = {answer.ttl for answer in answers}
    if one.after is None or len(ttls) != 1 or (ttl := ttls.pop()) is None:
        return None
    untouched = one.before is not None and one.before.values == one.after.values and one.before.ttl == ttl
    if untouched or not one.after.ttl < ttl <= cutover.dns.low_ttl_limit:
        return None
    served = one.after.model_copy(update={"ttl": ttl})
    return served if agree(answers, served) else None
