"""Which waits are due, and one asynchronous poll of all of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from tasks.execution.run_concurrently import run_concurrently
from tasks.parking.forms import GATE_FLOW, WAIT_FLOW
from tasks.parking.poll import fault, keep_result, last_results, poll_once
from tasks.parking.resume import Parked

SOONEST = 2.0
"""Seconds between two polls at the least; nobody's server is asked more often for the same thing."""

AT_ONCE = 64
"""Polls under way at the same time."""


@dataclass(frozen=True)
class Due:
    """Waits to poll now, each with its last result, and the seconds until the next one is due."""

    now: list[tuple[Parked, PollResult | None]]
    seconds_to_next: float


Results = dict[UUID, PollResult]
"""Sub-flow run of a wait -> its last result."""


def known_results(parked: list[Parked], own: Results) -> Results:
    """The last result of each wait, read from the server at once for all.

    own: results of this very process. One that said nothing new was not written, so it may be newer than the server's.
    """
    kept = last_results([waiting.run.id for waiting in parked if waiting.flow == WAIT_FLOW])
    newer = {run: result for run, result in own.items() if run in kept and result.at > kept[run].at}
    return kept | newer


def renewed(parked: list[Parked], fresh: list[Parked]) -> list[Parked]:
    """Each as it was read last."""
    return list({question.run.id: question for question in parked + fresh}.values())


def due(parked: list[Parked], at: datetime, rest: float, results: Results) -> Due:
    """`rest`: most seconds between two polls where the last result named no time for the next.

    A young wait is polled often, an old one rarely: a quarter of its age, like a person would.
    """
    waits = [waiting for waiting in parked if waiting.flow == WAIT_FLOW and waiting.paused]
    when = {waiting.run.id: _next(waiting, results.get(waiting.run.id), at, rest) for waiting in waits}
    return Due(
        now=[(waiting, results.get(waiting.run.id)) for waiting in waits if when[waiting.run.id] <= at],
        seconds_to_next=min([max(0.0, (time - at).total_seconds()) for time in when.values()], default=float("inf")),
    )


def _next(waiting: Parked, result: PollResult | None, at: datetime, rest: float) -> datetime:
    if result is None:
        return at
    age = (result.at - (waiting.run.start_time or result.at)).total_seconds()
    soonest = result.at + timedelta(seconds=SOONEST)
    return max(soonest, result.next_poll or result.at + timedelta(seconds=min(rest, age / 4)))


async def poll_all(waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
    """One poll of each, many at a time. What goes wrong with one customer's wait keeps no other one waiting."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def poll(waiting: Parked, previous: PollResult | None) -> PollResult:
        async with gate:
            try:
                plan, awaited = Cutover.model_validate(waiting.run.parameters["cutover"]), waiting.awaited
            except Exception as error:  # noqa: BLE001  # one run that nobody can read hides no other one
                return fault(error, previous)
            return await poll_once(plan, waiting.root.id, awaited, previous)

    results = await asyncio.gather(*(poll(waiting, previous) for waiting, previous in waits))
    return [(waiting, result) for (waiting, _), result in zip(waits, results, strict=True)]


def keep_results(results: list[tuple[Parked, PollResult]]) -> None:
    """Keep them on the server, several at a time, each as a version of its own."""
    run_concurrently(keep_result, [(waiting.run.id, result) for waiting, result in results])


def remember_results(results: list[tuple[Parked, PollResult]]) -> None:
    """Keep them in the place of the ones before."""
    run_concurrently(keep_result, [(waiting.run.id, result, result) for waiting, result in results])


def expired_gates(parked: list[Parked], at: datetime) -> list[Parked]:
    """Gates whose question nobody has answered for as long as the plan says."""
    return [gate for gate in parked if gate.flow == GATE_FLOW and gate.paused and _expired(gate, at)]


def _expired(gate: Parked, at: datetime) -> bool:
    rule = gate.run.parameters["cutover"].get("gates", {}).get(gate.name, {})
    minutes = rule.get("expires_minutes")
    return minutes is not None and at >= gate.parked_at + timedelta(minutes=minutes)


def is_to_resume(result: PollResult) -> bool:
    """It has come; or its remedy is due, which the run itself carries out; or there is a new question to park with."""
    return result.done or result.remedy or asks_anew(result)


def asks_anew(result: PollResult) -> bool:
    """Has a wait a question for a person that it is not parked with yet? Then it is resumed, to park with it."""
    return result.asks is not None and result.asks != result.parked_with
