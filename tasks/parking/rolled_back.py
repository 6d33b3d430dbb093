"""What was rolled back stays ended: whatever a click or a dying process made of its run, and of its questions.

Prefect knows nothing of a rollback. A flow's process that ends sets its own final state over `Cancelled`, the UI's
buttons set any state by force, and a question that is answered there runs again. The fact in the ledger decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from mailmove.clock import now
from tasks.engine.prefect_runs import all_runs
from tasks.engine.run_ends import keep_cancelled
from tasks.ledger.rolled_back import RollbackFact, facts_of
from tasks.parking.resume import Parked

LATELY = timedelta(days=1)
"""Time since its last state in which a run is looked at: whoever presses a button gives it a new one."""

_SHOWN_WELL = (StateType.CANCELLED, StateType.CANCELLING, StateType.RUNNING, StateType.PENDING)
"""Types that are left: it is ended, or is just being; or it has a process, which ends itself as soon as it looks."""


def without_rolled_back(parked: list[Parked]) -> tuple[list[Parked], list[str]]:
    """(questions whose cutover was not rolled back, lines for the log); the other ones are closed."""
    facts = facts_of(question.root.id for question in parked)
    closed = [(question, facts[question.root.id]) for question in parked if question.root.id in facts]
    lines = [f"{question.customer}, {question.title}: {_closed(question, fact)}" for question, fact in closed]
    return [question for question in parked if question.root.id not in facts], lines


def keep_rolled_back() -> list[str]:
    """Have each cutover Cancelled that was rolled back and has got another state since; lines for the log.

    One that was Completed or had Failed before stays so.
    """
    runs = [run for run in _touched_lately() if run.state_type not in _SHOWN_WELL]
    facts = facts_of(run.id for run in runs)
    since = [run for run in runs if run.id in facts and run.state and run.state.timestamp > facts[run.id].at]
    kept = [run for run in since if keep_cancelled(run.id, str(facts[run.id].error()))]
    return [f"{run.name}: it was {run.state_name}, and {facts[run.id].words}; it is Cancelled" for run in kept]


def not_rolled_back(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """Those of which no rollback has begun."""
    chosen = list(runs)
    facts = facts_of(run.id for run in chosen)
    return [run for run in chosen if run.id not in facts]


def _closed(question: Parked, fact: RollbackFact) -> str:
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(question.run.id).state
            if state is not None and not state.is_final():
                client.set_flow_run_state(question.run.id, Cancelled(message=f"It was {fact.words}."), force=True)
        except ObjectNotFound:
            return "its question is gone"
    _end(question.root.id, fact)
    return f"its cutover was {fact.words}; its question is closed"


def _end(root: UUID, fact: RollbackFact) -> None:
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(root).state
        except ObjectNotFound:
            return
    if state is not None and state.type not in _SHOWN_WELL:
        keep_cancelled(root, str(fact.error()))


def _touched_lately() -> list[FlowRun]:
    since = (now() - LATELY).isoformat()
    # A state's time is no filter of Prefect's; each kind of run that could go on has one of its own.
    open_ones = {"state": {"type": {"any_": ["SCHEDULED", "PAUSED"]}}}
    ended = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}, "end_time": {"after_": since}}
    runs: dict[UUID, FlowRun] = {}
    with get_client(sync_client=True) as client:
        for chosen in (open_ones, ended):
            read = all_runs(client, FlowRunFilter.model_validate(chosen), flows=["cutover"])
            runs |= {run.id: run for run in read}
    return list(runs.values())
