"""How a run goes on that stands in a state of Prefect's with no question to answer: by itself, or by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import State, StateType

from mailmove.clock import now
from tasks.engine.run_ends import REFUSED, is_refused
from tasks.ledger.rolled_back import RollbackFact
from tasks.parking.halted import Halt, halt_of
from tasks.parking.start_stuck import STARTING

KNOWN_NAMES: dict[StateType, frozenset[str]] = {
    StateType.SCHEDULED: frozenset({"Scheduled", "Late", "Resuming", "AwaitingRetry", "AwaitingConcurrencySlot"}),
    StateType.PENDING: frozenset({"Pending", "Submitting", "InfrastructurePending", "NotReady"}),
    StateType.RUNNING: frozenset({"Running", "Retrying"}),
    StateType.PAUSED: frozenset({"Paused", "Suspended"}),
    StateType.COMPLETED: frozenset({"Completed", "Cached"}),
    StateType.CANCELLING: frozenset({"Cancelling"}),
    StateType.CANCELLED: frozenset({"Cancelled", REFUSED}),
    StateType.CRASHED: frozenset({"Crashed"}),
    StateType.FAILED: frozenset({"Failed", "TimedOut"}),
}
"""Type of a state -> the names that Prefect 3.8 and 3.9 (prefect/states.py, the UI's own list) and we give to it."""

MENDED_WITHIN = timedelta(minutes=10)
"""Time within which the watch has mended what it can; who stands so for longer needs a person."""


@dataclass(frozen=True)
class WayOn:
    """question: why it stands, in words; todo: what a person can do; needs: nobody else can make it go on."""

    question: str = ""
    todo: str = ""
    needs: bool = False


def way_on(
    state: State[Any] | None,
    flow: str,
    customer: str,
    *,
    answered: bool = False,
    rolled_back: RollbackFact | None = None,
) -> WayOn:
    """Of a run without an open question. flow: cutover or rollback. answered: it has a question that was answered.

    rolled_back: a rollback of this cutover has begun; no state of Prefect's counts beside it.
    """
    if rolled_back:
        return WayOn(f"it was {rolled_back.words}; it never goes on", rolled_back.todo)
    again = f"Go on with it: `mailmove restart {customer}`."
    if flow == "cutover":
        again += f" Undo it: `mailmove rollback` with the plan of {customer}."
    if state is None or state.name not in KNOWN_NAMES.get(state.type, frozenset()):
        name = "no state" if state is None else f"the state {state.name}"
        return WayOn(f"Prefect gives it {name}, which Mailmove does not know", f"Look at its run. {again}", needs=True)
    match state.type:
        case StateType.PAUSED:
            return _paused(state, again, answered=answered)
        case StateType.CANCELLING:
            return WayOn("it is being cancelled", f"When it is Cancelled: {again}", needs=_is_old(state))
        case StateType.CANCELLED if is_refused(state):
            return WayOn(f"it was refused: {state.message}")
        case StateType.CANCELLED:
            return WayOn("it was cancelled", again)
        case StateType.FAILED:
            return WayOn("it has failed", f"Mend what it says. {again}", needs=True)
        case StateType.CRASHED if not _is_old(state):
            return WayOn("its process has died; it is started again by itself", f"If it stays so: {again}")
        case StateType.CRASHED:
            return WayOn("its process has died", again, needs=True)
        case StateType.SCHEDULED if state.name == "Late":
            return WayOn("no worker has taken it", "See that a worker runs.", needs=_is_old(state))
        case StateType.PENDING if now() - state.timestamp > STARTING:
            minutes = (now() - state.timestamp).total_seconds() / 60
            words = f"a worker took it {minutes:.0f} minutes ago, and no process has come of it"
            return WayOn(
                words, "The watch has it taken again: see that a worker and the watch run.", needs=_is_old(state)
            )
        case _:
            return WayOn()


def _paused(state: State[Any], again: str, *, answered: bool) -> WayOn:
    if answered:
        words = "its question was answered; it goes on by itself"
    elif halt_of(state) is Halt.QUESTION_GONE:
        words = "its question was cancelled or deleted; it is asked anew by itself"
    else:
        return WayOn("somebody paused it in Prefect's UI", f"Press Resume there. {again}", needs=True)
    if not _is_old(state):
        return WayOn(words)
    return WayOn(words, f"It should have by now: see that the watch runs. {again}", needs=True)


def _is_old(state: State[Any]) -> bool:
    return now() - state.timestamp > MENDED_WITHIN
