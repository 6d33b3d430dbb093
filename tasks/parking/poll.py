"""Poll what a parked wait waits for, and keep the result.

The watch polls to find out whether resuming is worth while; the resumed sub-flow then polls itself, and decides.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from mailmove.clock import now
from mailmove.errors import ByHand, MailmoveError, NotYet, Overdue, Transient
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.execution.context import Context
from tasks.ledger.stored_values import stored_value
from tasks.runbook import Wait, step_named

Condition = Callable[[Context, PollResult | None], Awaitable[PollResult]]
"""`await condition(context, previous result)`: one poll. It writes nothing, and does nothing."""

Until = Literal["condition", "verified", "rolled_back"]

FIRST_PAUSE = 5.0
"""Seconds from the first failure to the next poll or try; doubled each time."""

LONGEST_PAUSE = 900.0
"""Seconds between two polls of what cannot be asked, at the most."""

LONGEST_TRY = 3600.0
"""Seconds between two tries of a `verify` or `rollback` that has no cheaper condition: each starts a process."""

UNREACHABLE = "It cannot be polled: the other side does not answer. Mend what it says, or go on without it?"
REJECTED = "It cannot be polled: the other side does not let us. Mend what it says, or go on without it?"

STUCK = "It cannot be put back like this. Mend what it says, or leave it as it is?"

MOST_FAULTS = 3
"""Polls in a row that may end in a fault of the program before a person is asked."""

_TRIES = "tries"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Awaited:
    """What a wait waits for. condition: the step's own. verified: the stage's `verify` passes. rolled_back: its
    `rollback` does.
    """

    step: str
    until: Until = "condition"

    def __str__(self) -> str:
        words = {"condition": "", "verified": "verify ", "rolled_back": "roll back "}
        return words[self.until] + self.step

    @property
    def condition(self) -> Condition | None:
        """None: only trying tells."""
        step = step_named(self.step)
        if step is None or self.until == "rolled_back":
            return None
        return cast(Condition | None, step.poll)

    @property
    def waits_on(self) -> str:
        step = step_named(self.step)
        return step.waits_on if step else "the other side"


async def poll_once(plan: Cutover, root: UUID, awaited: Awaited, previous: PollResult | None) -> PollResult:
    """One poll. Whatever goes wrong is a result that is not done; faults of the program ask a person after a while."""
    if awaited.condition is None:
        return PollResult(done=True, summary=f"it is time to try again: {awaited}")
    context = Context(plan, awaited.step, root=root, read_only=True)
    result = await _guarded(context, awaited, previous)
    return result.model_copy(update={"parked_with": previous.parked_with if previous else None})


async def _guarded(context: Context, awaited: Awaited, previous: PollResult | None) -> PollResult:
    assert awaited.condition is not None, "asked before"
    try:
        return await awaited.condition(context, previous)
    except MailmoveError as error:
        return unable(error, previous, context.plan)
    except Exception as error:  # noqa: BLE001  # nothing that goes wrong with one wait may stop the others, or hide
        _log.exception("%s: %s cannot be polled", context.plan.customer, awaited)
        return fault(error, previous)


def unable(error: MailmoveError, previous: PollResult | None, plan: Cutover) -> PollResult:
    """What a poll comes to in which the other side could not be asked: polled ever more seldom.

    A person is asked when it has lasted for as long as the plan's patience; at the third time in a row where trying
    again does not help. What just is not so yet (NotYet) was asked well, and is polled on as usual.
    """
    known = previous or PollResult(done=False, summary="")
    if isinstance(error, NotYet):
        asks = error.asks if isinstance(error, Overdue) else None
        return PollResult(done=False, summary=str(error), forecast=known.forecast, asks=asks, state=known.state)
    failures, since = known.failures + 1, known.failing_since or now()
    asks = None
    if not isinstance(error, Transient) and failures >= MOST_FAULTS:
        asks = REJECTED
    elif now() - since >= timedelta(hours=plan.sweep.patience_hours):
        asks = UNREACHABLE
    return PollResult(
        done=False,
        summary=str(error),
        forecast=known.forecast,
        next_poll=_after(failures - 1, LONGEST_PAUSE),
        asks=asks,
        failures=failures,
        failing_since=since,
        failed_with=f"{type(error).__name__} {error.code or ''}".strip(),
        state=known.state,
    )


def fault(error: Exception, previous: PollResult | None) -> PollResult:
    """What an exception that nobody foresaw comes to: tried again, and from the third in a row on a person's to see."""
    known = previous or PollResult(done=False, summary="")
    faults, kind = min(known.faults + 1, MOST_FAULTS), type(error).__name__  # said once, then nothing new
    asks = f"This cannot be polled ({kind}). Go on without it, or have it mended?" if faults >= MOST_FAULTS else None
    return PollResult(
        done=False,
        summary=f"a fault of Mailmove: {kind}: {error}",
        forecast=known.forecast,
        asks=asks,
        parked_with=known.parked_with,
        next_poll=_after(faults - 1, LONGEST_PAUSE) if faults < MOST_FAULTS else _after(8, LONGEST_PAUSE),
        state=known.state,
        faults=faults,
    )


async def carry_out_remedy(plan: Cutover, root: UUID, awaited: Awaited, result: PollResult) -> PollResult:
    """Do what a poll said is due; the result to go on from. To be called by the wait's own run, never by the watch."""
    step = step_named(awaited.step)
    assert isinstance(step, Wait) and step.remedy is not None, f"{awaited.step} has no remedy"
    done: PollResult = await step.remedy(Context(plan, awaited.step, root=root), result)
    return done


def not_yet(error: MailmoveError) -> PollResult:
    """What a `verify` or a `rollback` raised, as a result. What does not pass by itself is a person's to mend."""
    details = [f"to be typed: {line}" for line in error.records] if isinstance(error, ByHand) else []
    asks = None if isinstance(error, Transient) else STUCK
    asks = error.asks if isinstance(error, Overdue) else asks
    return PollResult(done=False, summary=str(error), details=details, asks=asks)


def unable_to_try(error: MailmoveError, previous: PollResult | None, plan: Cutover) -> PollResult:
    """What a `rollback` raised, as a result; who cannot be asked for as long as the plan's patience is asked about."""
    known, failed = not_yet(error), unable(error, previous, plan)
    fields = ("failures", "failing_since", "failed_with")
    return known.model_copy(
        update={"asks": known.asks or failed.asks, **{name: getattr(failed, name) for name in fields}}
    )


def try_again(awaited: Awaited, result: PollResult, previous: PollResult | None) -> PollResult:
    """What to keep of a result that is not done: a cheap condition is polled freely, a dear one ever more rarely."""
    if awaited.until == "verified" and awaited.condition:
        return result
    tries = int(previous.state.get(_TRIES, 0)) if previous else 0
    known = result.model_copy(update={"state": {_TRIES: tries}})
    return known.model_copy(update={"next_poll": _after(tries, LONGEST_TRY), "state": {_TRIES: tries + 1}})


def _after(earlier: int, longest: float) -> datetime:
    """When to come again, after so many earlier times without success."""
    return now() + timedelta(seconds=min(longest, FIRST_PAUSE * 2.0 ** min(earlier, 20)))


def last_result(run_id: UUID) -> PollResult | None:
    """What a wait (its sub-flow run id) was last polled with."""
    return last_results([run_id]).get(run_id)


def last_results(run_ids: list[UUID]) -> dict[UUID, PollResult]:
    """The last result of many waits, in few requests."""
    keys = {_key(run_id): run_id for run_id in run_ids}
    tables = engine().store.read_latest(list(keys))
    results: dict[UUID, PollResult] = {}
    for key, rows in tables.items():
        try:
            results[keys[key]] = stored_value(PollResult, rows[0], "the last poll")
        except (MailmoveError, LookupError):  # as if it had never been polled; one that nobody can read hides no other
            _log.warning("%s cannot be read", key)
    return results


def keep_result(run_id: UUID, result: PollResult, previous: PollResult | None = None) -> None:
    """Keep it in the name of the wait's own sub-flow run: what the next poll needs, and its picture.

    A version of its own is for what says something new; else it takes the place of the one before.
    """
    row, store = result.model_dump(mode="json", exclude={"picture"}), engine().store
    new = not says_nothing_new(result, previous)
    write_table = store.write_table if new else store.rewrite_table
    write_table(_key(run_id), [row], description=result.summary, flow_run=run_id)
    if result.picture:
        write_page = store.write_markdown if new else store.rewrite_markdown
        write_page(f"picture-{run_id}", result.picture, description=result.summary, flow_run=run_id)


_NOTES = ("at", "picture", "state", "next_poll", "forecast", "failures", "failing_since")
"""Fields that are for the next poll, or move with the time; they say nothing new to anybody."""


def says_nothing_new(result: PollResult, previous: PollResult | None) -> bool:
    """Does a result say what the one before it said? Then it is no version of its own.

    An error of the same kind says the same, whatever numbers its sentence has.
    """
    if previous is None:
        return False
    notes = {name: getattr(previous, name) for name in _NOTES}
    if result.failed_with and result.failed_with == previous.failed_with:
        notes["summary"] = previous.summary
    return result.model_copy(update=notes) == previous


def is_to_remember(result: PollResult, previous: PollResult | None) -> bool:
    """Must the next watch know of a result that says nothing new? Its state or backoff has moved."""
    if previous is None:
        return True
    return result.model_copy(update={"at": previous.at, "picture": previous.picture}) != previous


def _key(run_id: UUID) -> str:
    return f"poll-{run_id}"
