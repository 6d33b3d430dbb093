"""What the authoritative servers serve, beside what a stage wants them to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mailmove.changes import Change, RecordSetSubject
from mailmove.dns.client.query import Answer
from mailmove.dns.zone.authority import agree, ask_authorities, authorities, disagreements
from mailmove.dns.zone.manual_entry import typing_lines
from mailmove.errors import ByHand, NotYet, Overdue
from mailmove.evidence import PollResult
from mailmove.records import RRset, RRsetChange
from tasks.dns.name_servers import counted, lame_before, patience_ended
from tasks.execution.context import Context
from tasks.ledger.stored_values import stored_value

Expected = Callable[[Context], list[RRsetChange]]
"""What every authoritative server is to serve."""


@dataclass
class Served:
    """facts: who serves what. late: one sentence for each server that does not serve `open` yet. silent: how many of
    those answered before the cutover touched the zone, and do not now.
    """

    facts: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    open: list[RRsetChange] = field(default_factory=list)
    silent: int = 0

    def asks(self, context: Context, stage: str) -> str | None:
        """What a person is asked: patience has ended, and all that is late is that servers do not answer any more."""
        if not self.late or self.silent < len(self.late) or not (ended := patience_ended(context, stage)):
            return None
        return f"{ended}: go on although not every name server answers?"


def served_everywhere(context: Context, changes: list[RRsetChange]) -> list[str]:
    """Facts, when every authoritative server serves every change. NotYet names each one that does not.

    Where the zone is edited by hand it is ByHand, with the lines that are still to be typed.
    """
    provider = context.dns_provider
    served = asyncio.run(ask_for(context, changes, by_hand=provider.by_hand))
    if not served.late:
        return served.facts
    who, wanted, late = "authoritative name servers", "the new records at every one of them", "; ".join(served.late)
    if provider.by_hand:
        todo = "Type what is missing where the zone is edited; it goes on by itself."
        raise ByHand(who, wanted=wanted, seen=late, todo=todo, records=typing_lines(served.open))
    todo = "Mend the name server, or take it out of the NS set; it goes on by itself once it answers."
    if asks := served.asks(context, context.stage):
        raise Overdue(who, wanted=wanted, seen=late, todo=todo, asks=asks)
    raise NotYet(who, wanted=wanted, seen=late, todo="Providers take seconds to minutes; it is asked again.")


async def ask_for(context: Context, changes: list[RRsetChange], *, by_hand: bool) -> Served:
    """Ask every authoritative server for every change."""
    served, port = Served(), context.plan.propagation.dns_port
    aliases = {change.key[0] for change in changes if change.after and change.after.type == "CNAME"}
    for change in changes:
        name, rtype = change.key
        if change.after is None and name in aliases:
            continue  # what a CNAME displaced: asking for it gives what the CNAME leads to
        zone = zone_of_name(context, name)
        servers = await authorities(zone, resolvers_of(context), port)
        everybody = await ask_authorities(servers, name, rtype, dns_port=port)
        answers = counted(everybody, await asyncio.to_thread(lame_before, context, zone))
        typed = _typed_with_another_ttl(context, change, answers) if by_hand else None
        late = [] if typed else [f"{words} ({rtype} {name})" for words in disagreements(answers, change.after)]
        served.late += late
        served.silent += sum(1 for answer in answers if answer.error) if late else 0
        served.open += [change] if late else []
        asked = f" (asked for {change.after.ttl} s)" if typed and change.after else ""
        served.facts.append(
            f"{len(answers)} authoritative servers serve {typed or change.after or f'no {rtype} {name}'}{asked}"
        )
        served.facts += [
            f"{answer.server} does not serve {zone}, and did not before: {answer.error}"
            for answer in everybody
            if answer not in answers
        ]
    return served


def poll_served(expected: Expected) -> Callable[[Context, PollResult | None], Awaitable[PollResult]]:
    """A cheap condition for a stage whose `verify` asks for `expected`: the watch asks the servers, nothing else."""

    async def poll(context: Context, previous: PollResult | None) -> PollResult:
        changes = await asyncio.to_thread(expected, context)
        by_hand = await asyncio.to_thread(lambda: context.dns_provider.by_hand)
        served = await ask_for(context, changes, by_hand=by_hand)
        if not served.late:
            return PollResult(done=True, summary="; ".join(served.facts))
        details = [f"to be typed: {line}" for line in typing_lines(served.open)] if by_hand else []
        asks = await asyncio.to_thread(served.asks, context, context.stage)
        return PollResult(done=False, summary="; ".join(served.late), details=details, asks=asks)

    return poll


def resolvers_of(context: Context) -> list[tuple[str, int]]:
    """The plan's resolvers as (address, port)."""
    return context.plan.propagation.servers


def zone_of_name(context: Context, name: str) -> str:
    """The zone of the longest of the plan's domains that the name lies in."""
    within = [domain for domain in context.plan.domains if f".{name}".endswith(f".{domain}.")]
    return f"{max(within, key=len)}."


def rrset_change(change: Change) -> RRsetChange:
    """The record change that a ledger entry holds."""
    before, after = (
        stored_value(RRset, value, "a record set of the ledger") if value else None
        for value in (change.before, change.after)
    )
    return RRsetChange(before=before, after=after)


def is_record_set(change: Change, rtype: str | None = None) -> bool:
    """Is it a change of DNS? rtype: of this type only."""
    if not isinstance(change.subject, RecordSetSubject):
        return False
    return rtype is None or change.subject.type == rtype


def _typed_with_another_ttl(context: Context, change: RRsetChange, answers: list[Answer]) -> RRset | None:
    """What is served, if it is what was to be typed with a TTL that the form raised, up to the plan's limit."""
    ttls = {answer.ttl for answer in answers}
    if change.after is None or len(ttls) != 1 or (ttl := ttls.pop()) is None:
        return None
    untouched = change.before is not None and change.before.values == change.after.values and change.before.ttl == ttl
    if untouched or not change.after.ttl < ttl <= context.plan.dns.low_ttl_limit:
        return None
    served = change.after.model_copy(update={"ttl": ttl})
    return served if agree(answers, served) else None
