"""Until the world has noticed the new MX: every authority, and as many resolvers as the plan asks for."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import datetime, timedelta

from mailmove.dns.client.interference import interference, split_horizons
from mailmove.dns.propagation.measure import PropagationSweep, poll_result, sweep
from mailmove.dns.propagation.purge_caches import operators_of, purge
from mailmove.dns.zone.authority import ask_authorities, authorities
from mailmove.errors import MailmoveError
from mailmove.evidence import Look, now
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange
from tasks.dns.zone_changes import resolvers_of, rrset_change
from tasks.ledger.ledger import Ledger

_PURGED, _STRANGE = "purged", "strange"
"""Keys of the look's state, beside the names of the domains: what was said once, and is repeated at every look."""


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """One look, and at the end of patience what the plan says: never silence, whatever the look meets."""
    receipt = await asyncio.to_thread(ledger.receipt, "switch_mail")
    switched = [rrset_change(one) for one in receipt.changes if one.what.startswith("MX ")]
    if not switched:
        return Look(done=True, summary="the MX records stood at Microsoft 365 already")
    try:
        told = await _look(cutover, switched, previous)
    except MailmoveError as error:
        told = Look(done=False, summary=str(error), state=previous.state if previous else {})
    return _patient(cutover, told, receipt.at)


async def _look(cutover: Cutover, switched: list[RRsetChange], previous: Look | None) -> Look:
    """One sweep for each domain's MX; its forecast is the slowest domain's."""
    known = previous.state if previous else {}
    strange = known.get(_STRANGE)
    if strange is None:
        strange = await _strange(cutover, switched[0])
    purged = dict(known.get(_PURGED, {}))
    seen, looks = {}, {}
    for one in switched:
        name = one.key[0]
        seen[name] = await _sweep(cutover, one, previous)
        looks[name] = poll_result(seen[name], cutover.propagation.enough)
        if seen[name].served_since and name not in purged and not looks[name].done:
            purged[name] = await _purge(cutover, one)
    forecasts = [one.forecast for one in looks.values()]
    details = [detail for one in looks.values() for detail in one.details]
    return Look(
        done=all(one.done for one in looks.values()),
        summary="; ".join(f"{name} {one.summary}" for name, one in looks.items()),
        forecast=None if None in forecasts else max(one for one in forecasts if one),
        next_look=_soonest([one.next_look for one in looks.values()]),
        details=[*details, *(line for lines in purged.values() for line in lines), *strange],
        picture="\n\n".join(f"**{name}**\n{one.picture}" for name, one in looks.items()),
        state={
            **{name: one.model_dump(mode="json") for name, one in seen.items()},
            _PURGED: purged,
            _STRANGE: strange,
        },
    )


def _patient(cutover: Cutover, told: Look, switched: datetime) -> Look:
    rule = cutover.propagation
    end = switched + timedelta(minutes=rule.patience_minutes)
    if told.done:
        return told
    if now() < end:
        return told.model_copy(update={"next_look": told.next_look and min(told.next_look, end)})
    ended = f"patience ended at {end:%Y-%m-%d %H:%M:%S} UTC, {rule.patience_minutes:g} minutes after the switch"
    if rule.after_patience == "go-on" and _served(told):
        summary = f"{told.summary}; {ended}, and the plan says to go on"
        return told.model_copy(update={"done": True, "summary": summary, "next_look": None})
    return told.model_copy(update={"asks": f"{ended}: go on although not everybody has the new MX?"})


def _served(told: Look) -> bool:
    """Does every authority serve every domain's new set? Without that, nobody may go on by a rule."""
    sweeps = [known for key, known in told.state.items() if key not in (_PURGED, _STRANGE)]
    return bool(sweeps) and all(known["served_since"] for known in sweeps)


async def _sweep(cutover: Cutover, change: RRsetChange, previous: Look | None) -> PropagationSweep:
    name, port = change.key[0], cutover.propagation.dns_port
    known = previous.state.get(name) if previous else None
    servers = await authorities(name, resolvers_of(cutover), port)
    return await sweep(
        change.before,
        change.after,
        servers,
        resolvers_of(cutover),
        previous=PropagationSweep.model_validate(known) if known else None,
        dns_port=port,
    )


async def _purge(cutover: Cutover, change: RRsetChange) -> list[str]:
    """What the operators of the public resolvers say to being asked to forget the old set."""
    rrset = change.after or change.before
    if rrset is None or not cutover.propagation.purge_caches:
        return []
    return await purge(rrset, operators_of([address for address, _ in resolvers_of(cutover)]))


async def _strange(cutover: Cutover, change: RRsetChange) -> list[str]:
    """Signs that it is not the world that answers; nothing is asked of the world when only loopback is."""
    (name, rtype), port, resolvers = change.key, cutover.propagation.dns_port, resolvers_of(cutover)
    said = await ask_authorities(await authorities(name, resolvers, port), name, rtype, dns_port=port)
    found = await split_horizons(resolvers, said, name, rtype, settled=False)
    outside = [one for one in resolvers if not ipaddress.ip_address(one[0]).is_loopback]
    if outside:
        found += await interference(outside, name)
    return [f"{one.subject}: {one.seen}. {one.means} {one.todo}" for one in found]


def _soonest(times: list[datetime | None]) -> datetime | None:
    return min((time for time in times if time), default=None)
