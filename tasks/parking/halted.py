"""Cutovers and rollbacks that stand still with nothing to answer, and what becomes of them.

Prefect's UI lets anybody cancel, delete, pause, resume and retry any run at any time, by force: it asks the server for
the state without its rules (prefect/server/ui-v2: `set_state` with `force: true`). So a question may be cancelled or
deleted while its cutover is Suspended, a Suspended run may be Cancelling for ever (nobody has a process to end), and a
run that a person paused has no question at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled

from mailmove.clock import now
from tasks.engine.prefect_internals import suspended_by_us
from tasks.engine.prefect_runs import all_runs, state_if_unmoved
from tasks.ledger.rolled_back import fact_of
from tasks.parking.forms import PARKED
from tasks.parking.resume import Parked, resume_cutover

ROOTS = ("cutover", "rollback")
"""Names of the flows that park, as a person starts them."""

CANCELLING_PATIENCE = timedelta(minutes=2)
"""Time in which the worker ends the process of a run that is being cancelled; after that it is called Cancelled. A
process that lives on all the same is fenced: it acts no more.
"""

_OPEN = [StateType.PAUSED, StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED]
_PAGE = 200


class Halt(StrEnum):
    """Why a run stands still without an open question."""

    QUESTION_GONE = "question_gone"
    BY_HAND = "by_hand"
    CANCELLING = "cancelling"


def halt_of(state: State[Any] | None) -> Halt | None:
    """What holds a run in this state up, when no question of it is open; None: it is not held up."""
    if state is None:
        return None
    if state.is_cancelling():
        return Halt.CANCELLING
    if state.is_paused():
        return Halt.QUESTION_GONE if suspended_by_us(state) else Halt.BY_HAND
    return None


def mend_halted(parked: Iterable[Parked]) -> list[str]:
    """Bring on what a click in the UI has stopped; lines for the log. parked: every question that was just read.

    A question that is gone is asked anew, by its cutover. A run that a person paused stays so until a person resumes
    it. One that is being cancelled and has no process is called Cancelled; then it can be started again.
    """
    asked = {question.root.id for question in parked}
    with get_client(sync_client=True) as client:
        halted = [run for run in _halted(client) if run.state_type == StateType.CANCELLING or run.id not in asked]
        mended = [(run.name, _mended(client, run)) for run in halted]
        mended += [(run.name, _closed(client, run)) for run in _orphans(client)]
    return [f"{name}: {words}" for name, words in mended if words]


def _mended(client: SyncPrefectClient, run: FlowRun) -> str | None:
    state = state_if_unmoved(client, run)
    if state is None:
        return None
    halt = halt_of(state)
    if halt is Halt.QUESTION_GONE and not _has_question(client, run.id) and fact_of(run.id) is None:
        resume_cutover(client, run.id)
        return "its question was cancelled or deleted; it is asked anew"
    if halt is Halt.CANCELLING and (_had_no_process(client, run.id) or now() - state.timestamp > CANCELLING_PATIENCE):
        client.set_flow_run_state(run.id, Cancelled(message=state.message or "Cancelled in the UI."), force=True)
        return "it was to be cancelled and had no process to end; it is Cancelled"
    return None


def _halted(client: SyncPrefectClient) -> list[FlowRun]:
    chosen = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.CANCELLING]))
    return all_runs(client, FlowRunFilter(state=chosen), flows=ROOTS)


def _has_question(client: SyncPrefectClient, root: UUID) -> bool:
    chosen = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[root]),
        tags=FlowRunFilterTags(all_=[PARKED]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)),
    )
    return bool(client.read_flow_runs(flow_run_filter=chosen, limit=1))


def _had_no_process(client: SyncPrefectClient, root: UUID) -> bool:
    """Whether it was parked, or waited for a worker, when it was to be cancelled."""
    states = sorted(client.read_flow_run_states(root), key=lambda state: state.timestamp)
    earlier = [state for state in states if not state.is_cancelling()]
    return not earlier or earlier[-1].is_paused() or earlier[-1].is_scheduled()


def _orphans(client: SyncPrefectClient) -> list[FlowRun]:
    """Open questions whose cutover was deleted: Prefect takes their parent from them."""
    chosen = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[PARKED]),
        parent_task_run_id=FlowRunFilterParentTaskRunId(is_null_=True),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.CANCELLING])),
    )
    return client.read_flow_runs(flow_run_filter=chosen, limit=_PAGE)


def _closed(client: SyncPrefectClient, run: FlowRun) -> str:
    client.set_flow_run_state(run.id, Cancelled(message="Its cutover was deleted."), force=True)
    return "closed a question whose cutover was deleted"
