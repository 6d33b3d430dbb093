"""Which waits are due, and one asynchronous look at all of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mailmove.evidence import Look
from mailmove.plan.cutover import Cutover
from tasks.execution.run_concurrently import at_once
from tasks.parking.park import GATE_FLOW, WAIT_FLOW
from tasks.parking.poll import last_looks, look_once, show_look
from tasks.parking.wake import Parked

SOONEST = 2.0
"""Seconds; nobody's server is asked more often for the same thing."""

AT_ONCE = 64
"""Looks under way at the same time."""


@dataclass(frozen=True)
class Due:
    """Waits to look at now, each with what was seen last, and the seconds until the next one is due."""

    now: list[tuple[Parked, Look | None]]
    seconds_to_next: float


Looks = dict[UUID, Look]
"""Sub-flow run of a wait -> the last look at it."""


def known_looks(parked: list[Parked], own: Looks) -> Looks:
    """What was last seen of each wait, read from the server at once for all.

    own: looks of this very process. One that told nothing new was not written, so it may be newer than the server's.
    """
    kept = last_looks([one.run.id for one in parked if one.flow == WAIT_FLOW])
    newer = {run: look for run, look in own.items() if run in kept and look.at > kept[run].at}
    return kept | newer


def renewed(parked: list[Parked], fresh: list[Parked]) -> list[Parked]:
    """Each as it was read last."""
    return list({one.run.id: one for one in parked + fresh}.values())


def due(parked: list[Parked], at: datetime, rest: float, seen: Looks) -> Due:
    """`rest`: most seconds between two looks where the last one named no time for the next.

    A young wait is looked at often, an old one rarely: a quarter of its age, like a person would.
    """
    waits = [one for one in parked if one.flow == WAIT_FLOW and one.paused]
    when = {one.run.id: _next(one, seen.get(one.run.id), at, rest) for one in waits}
    return Due(
        now=[(one, seen.get(one.run.id)) for one in waits if when[one.run.id] <= at],
        seconds_to_next=min([max(0.0, (time - at).total_seconds()) for time in when.values()], default=float("inf")),
    )


def _next(one: Parked, seen: Look | None, at: datetime, rest: float) -> datetime:
    if seen is None:
        return at
    age = (seen.at - (one.run.start_time or seen.at)).total_seconds()
    soonest = seen.at + timedelta(seconds=SOONEST)
    return max(soonest, seen.next_look or seen.at + timedelta(seconds=min(rest, age / 4)))


async def look_at_all(waits: list[tuple[Parked, Look | None]]) -> list[tuple[Parked, Look]]:
    """One look at each, many at a time. What goes wrong with one customer's wait keeps no other one waiting."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one_look(one: Parked, previous: Look | None) -> Look:
        async with gate:
            cutover = Cutover.model_validate(one.run.parameters["cutover"])
            return await look_once(cutover, one.root.id, one.what, previous)

    looks = await asyncio.gather(*(one_look(one, previous) for one, previous in waits), return_exceptions=True)
    return [(one, _look_of(found)) for (one, _), found in zip(waits, looks, strict=True)]


def _look_of(found: Look | BaseException) -> Look:
    if isinstance(found, Look):
        return found
    if not isinstance(found, Exception):
        raise found  # a cancelled watch is cancelled
    return Look(done=False, summary=f"it cannot be looked at: {type(found).__name__}: {found}")


def keep_looks(seen: list[tuple[Parked, Look]]) -> None:
    """Keep them on the server, several at a time."""
    at_once(show_look, [(one.run.id, look) for one, look in seen])


def expired_gates(parked: list[Parked], at: datetime) -> list[Parked]:
    """Gates whose question nobody has answered for as long as the plan says."""
    return [one for one in parked if one.flow == GATE_FLOW and one.paused and _expired(one, at)]


def _expired(one: Parked, at: datetime) -> bool:
    rule = one.run.parameters["cutover"].get("gates", {}).get(one.what, {})
    minutes = rule.get("expires_minutes")
    return minutes is not None and at >= one.parked_at + timedelta(minutes=minutes)


def asks_anew(one: Parked, seen: Look) -> bool:
    """Has a wait a question for a person that it is not parked with yet? Then it is woken, to park with it."""
    return seen.asks is not None and seen.asks not in one.question
