"""Until the world has noticed the new MX: every authority, and as many resolvers as the plan asks for."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import datetime, timedelta
from typing import Any

from mailmove.clock import now
from mailmove.dns.client.interference import interference, split_horizons
from mailmove.dns.propagation.measure import PropagationSweep, poll_result, sweep
from mailmove.dns.propagation.purge_caches import operators_of, purge
from mailmove.dns.zone.authority import ask_authorities, authorities
from mailmove.errors import MailmoveError
from mailmove.evidence import PollResult
from mailmove.records import RRsetChange
from mailmove.report import forecast_rules
from tasks.dns.authoritative_check import is_record_set, resolvers_of, rrset_change, zone_of_name
from tasks.dns.name_servers import lame_before
from tasks.execution.context import Context
from tasks.ledger.stored_values import stored_value
from tasks.parking.poll import unable
from tasks.traffic.server_clocks import record_clock

_PURGED, _STRANGE = "purged", "strange"
"""Keys of the poll's state, beside the names of the domains: what is asked once, and repeated at every poll."""


FORECAST = forecast_rules.propagation


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """One poll, and at the end of patience what the plan says: never silence, whatever the poll meets."""
    receipt = await asyncio.to_thread(context.ledger.receipt, "switch_mail")
    switched = [rrset_change(change) for change in receipt.changes if is_record_set(change, "MX")]
    if not switched:
        return PollResult(done=True, summary="the MX records stood at Microsoft 365 already")
    try:
        result = await _poll(context, switched, previous)
    except MailmoveError as error:
        result = unable(error, previous, context.plan)
    return _patient(context, result, receipt.at)


async def remedy(context: Context, result: PollResult) -> PollResult:
    """Ask the operators of public resolvers to forget the old sets, once for each name; what they said is kept."""
    receipt = await asyncio.to_thread(context.ledger.receipt, "switch_mail")
    purged = dict(result.state.get(_PURGED, {}))
    for change in receipt.changes:
        if is_record_set(change, "MX") and _to_purge(context, result.state, purged, rrset_change(change)):
            purged[rrset_change(change).key[0]] = await _purge(context, rrset_change(change))
    return result.model_copy(update={"remedy": False, "state": {**result.state, _PURGED: purged}})


def completed(context: Context) -> None:
    """What later steps ask of other servers is asked since now, by their clocks."""
    record_clock(context, "propagation", "target")
    record_clock(context, "propagation", "source")


async def _poll(context: Context, switched: list[RRsetChange], previous: PollResult | None) -> PollResult:
    """One sweep for each domain's MX; its forecast is the slowest domain's."""
    known = previous.state if previous else {}
    strange = known.get(_STRANGE)
    if strange is None:
        strange = await _strange(context, switched[0])
    purged = dict(known.get(_PURGED, {}))
    sweeps, results = {}, {}
    for change in switched:
        name = change.key[0]
        sweeps[name] = await _sweep(context, change, previous)
        results[name] = poll_result(sweeps[name], context.plan.propagation.enough)
    state = {
        **{name: known_sweep.model_dump(mode="json") for name, known_sweep in sweeps.items()},
        _PURGED: purged,
        _STRANGE: strange,
    }
    forecasts = [result.forecast for result in results.values()]
    details = [detail for result in results.values() for detail in result.details]
    done = all(result.done for result in results.values())
    return PollResult(
        done=done,
        summary="; ".join(f"{name} {result.summary}" for name, result in results.items()),
        forecast=None if None in forecasts else max(forecast for forecast in forecasts if forecast),
        next_poll=_soonest([result.next_poll for result in results.values()]),
        details=[*details, *(line for lines in purged.values() for line in lines), *strange],
        remedy=not done and any(_to_purge(context, state, purged, change) for change in switched),
        picture="\n\n".join(f"**{name}**\n{result.picture}" for name, result in results.items()),
        state=state,
    )


def _to_purge(context: Context, state: dict[str, Any], purged: dict[str, Any], change: RRsetChange) -> bool:
    """Every authority serves the new set, and nobody was asked to forget the old one so far."""
    name = change.key[0]
    served = bool(state.get(name, {}).get("served_since"))
    return context.plan.propagation.purge_caches and served and name not in purged


def _patient(context: Context, result: PollResult, switched: datetime) -> PollResult:
    rule = context.plan.propagation
    end = switched + timedelta(minutes=rule.patience_minutes)
    if result.done:
        return result
    if now() < end:
        return result.model_copy(update={"next_poll": result.next_poll and min(result.next_poll, end)})
    ended = f"patience ended at {end:%Y-%m-%d %H:%M:%S} UTC, {rule.patience_minutes:g} minutes after the switch"
    if rule.after_patience == "go-on" and _served(result):
        summary = f"{result.summary}; {ended}, and the plan says to go on"
        return result.model_copy(update={"done": True, "summary": summary, "next_poll": None})
    return result.model_copy(update={"asks": f"{ended}: go on although not everybody has the new MX?"})


def _served(result: PollResult) -> bool:
    """Does every authority serve every domain's new set? Without that, nobody may go on by a rule."""
    sweeps = [known for key, known in result.state.items() if key not in (_PURGED, _STRANGE)]
    return bool(sweeps) and all(known["served_since"] for known in sweeps)


async def _sweep(context: Context, change: RRsetChange, previous: PollResult | None) -> PropagationSweep:
    name, port = change.key[0], context.plan.propagation.dns_port
    known = previous.state.get(name) if previous else None
    servers = await authorities(name, resolvers_of(context), port)
    lame = await asyncio.to_thread(lame_before, context, zone_of_name(context, name))
    return await sweep(
        change.before,
        change.after,
        servers,
        resolvers_of(context),
        previous=stored_value(PropagationSweep, known, "the sweep before") if known else None,
        lame_before=lame,
        dns_port=port,
    )


async def _purge(context: Context, change: RRsetChange) -> list[str]:
    """What the operators of the public resolvers say to being asked to forget the old set."""
    rrset = change.after or change.before
    if rrset is None:
        return []
    await asyncio.to_thread(context.fence)
    return await purge(rrset, operators_of([address for address, _ in resolvers_of(context)]))


async def _strange(context: Context, change: RRsetChange) -> list[str]:
    """Signs that it is not the world that answers; nothing is asked of the world when only loopback is."""
    (name, rtype), port, resolvers = change.key, context.plan.propagation.dns_port, resolvers_of(context)
    answers = await ask_authorities(await authorities(name, resolvers, port), name, rtype, dns_port=port)
    findings = await split_horizons(resolvers, answers, name, rtype, settled=False)
    outside = [resolver for resolver in resolvers if not ipaddress.ip_address(resolver[0]).is_loopback]
    if outside:
        findings += await interference(outside, name)
    return [f"{finding.subject}: {finding.seen}. {finding.means} {finding.todo}" for finding in findings]


def _soonest(times: list[datetime | None]) -> datetime | None:
    return min((time for time in times if time), default=None)
