"""Resume what is parked: answer the sub-flow, then start its cutover anew. Every step may be repeated."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterId,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Cancelled, Suspended

from mailmove.errors import Blocked, RolledBack
from tasks.engine.prefect_internals import has_form
from tasks.engine.prefect_parking import suspend_cutover, suspend_key
from tasks.engine.prefect_runs import all_runs, flow_that_parks
from tasks.execution.run_concurrently import run_concurrently
from tasks.ledger.rolled_back import fact_of
from tasks.parking.forms import PARKED, WAIT_FLOW
from tasks.parking.poll import Awaited

_PAGE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parked:
    """A sub-flow run that may be parked, and the cutover above it."""

    run: FlowRun
    root: FlowRun

    @property
    def customer(self) -> str:
        return str(self.run.parameters["cutover"]["customer"])

    @property
    def awaited(self) -> Awaited:
        """What a wait waits for."""
        return Awaited(self.run.parameters["step"], self.run.parameters.get("until", "condition"))

    @property
    def name(self) -> str:
        """The gate, or the stage in trouble, or the step that a wait belongs to."""
        return str(self.run.parameters["step" if self.flow == WAIT_FLOW else "name"])

    @property
    def title(self) -> str:
        """What it waits for, for people: 'propagation', 'verify lower_ttl', 'switch_mail', ..."""
        return str(self.awaited) if self.flow == WAIT_FLOW else self.name

    @property
    def flow(self) -> str:
        """Which of the flows that park it is: wait, gate or trouble."""
        flow = flow_that_parks(self.run)
        assert flow is not None, "what is none of ours is not read"
        return flow

    @property
    def key(self) -> str:
        """Pause key under which it is parked now."""
        return str(self._state.state_details.pause_key)

    @property
    def suspend_key(self) -> str:
        """Key under which its cutover is suspended for this asking."""
        return suspend_key(self._state, self.key)

    @property
    def question(self) -> str:
        """What it asks, on one line."""
        return self._state.message or self.title

    @property
    def parked_at(self) -> datetime:
        """Since when it is in the state that it is in now."""
        return self._state.timestamp

    @property
    def _state(self) -> State[Any]:
        assert self.run.state is not None
        return self.run.state

    @property
    def paused(self) -> bool:
        return self._state.type == StateType.PAUSED

    @property
    def cancelling(self) -> bool:
        return self._state.type == StateType.CANCELLING


def parked_runs(*states: StateType, started_after: datetime | None = None) -> list[Parked]:
    """Every sub-flow run of that kind in one of these states (default: Paused), with its cutover."""
    with get_client(sync_client=True) as client:
        runs = all_runs(
            client,
            FlowRunFilter(
                tags=FlowRunFilterTags(all_=[PARKED]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states or (StateType.PAUSED,)))),
                start_time=FlowRunFilterStartTime(after_=started_after) if started_after else None,
            ),
        )
        parents = _parents(client, [run.parent_task_run_id for run in runs if run.parent_task_run_id])
        roots = {run.id: run for run in _by_id(client, list(set(parents.values())))}
        return [
            Parked(run, roots[parents[run.parent_task_run_id]])
            for run in runs
            if run.parent_task_run_id in parents and parents[run.parent_task_run_id] in roots and _is_readable(run)
        ]


def parked_lately(since: datetime) -> list[Parked]:
    """Answered, or parked for the first time since then. It costs the same however many are parked."""
    return parked_runs(StateType.RUNNING) + parked_runs(StateType.PAUSED, started_after=since)


def resume(parked: Parked, answer: dict[str, Any] | None = None) -> None:
    """Answer a parked sub-flow and start its cutover anew. Blocked: Prefect does not take the answer. RolledBack: a
    rollback of its cutover has begun.

    Only the server knows whether it still waits, when it writes the answer: what was read before may be old by then.
    """
    if (fact := fact_of(parked.root.id)) is not None:
        raise fact.error()
    with get_client(sync_client=True) as client:
        response = client.resume_flow_run(parked.run.id, run_input=answer or {})
        if response.status == SetStateStatus.REJECT:
            if not has_form(parked.run):  # its process was killed before it saved one; the cutover asks anew
                resume_cutover(client, parked.root.id)
                return
            raise Blocked(
                "Prefect",
                wanted=f"{parked.title} of {parked.customer} answered",
                seen=str(getattr(response.details, "reason", response.status)),
                todo="Answer with the fields of its form.",
            )
        if response.status != SetStateStatus.ACCEPT:  # it waits no more
            fresh = client.read_flow_run(parked.run.id).state
            if fresh is None or fresh.is_final():
                return  # somebody else resumed it, and its cutover may be parked at something else by now
        resume_cutover(client, parked.root.id)


def resume_all(parked: list[Parked], answer: dict[str, Any] | None = None) -> None:
    """Resume each with the same answer, several at a time: a server that says "later" to one keeps no other waiting.

    Prefect on SQLite says so for some two seconds, when it resumes a run just while another question is written. One
    whose cutover is being rolled back since it was read is left.
    """
    run_concurrently(_resume_unless_rolled_back, [(question, answer) for question in parked])


def _resume_unless_rolled_back(parked: Parked, answer: dict[str, Any] | None) -> None:
    try:
        resume(parked, answer)
    except RolledBack as error:
        _log.info("%s, %s: %s", parked.customer, parked.title, error)


def resume_cutover(client: SyncPrefectClient, root: UUID) -> None:
    """Start a suspended cutover anew; nothing happens when it runs already: Prefect says so, and leaves it."""
    client.resume_flow_run(root)


def mend(parked: Parked) -> str | None:
    """Finish what a killed process, or a person's click, left half done; says what was mended.

    Paused under a running cutover: the process died between the two; suspend the cutover in its name. Without a form:
    its process is just saving it, or died before; then the cutover is restarted as crashed, and asks anew.
    Running under a suspended cutover: it was answered in the UI, which resumes the sub-flow only.
    Paused under an ended cutover: it was cancelled; close the question too.
    Cancelling under a suspended cutover: somebody pressed Cancel; nobody has a process to end. It is asked anew.
    Paused under a cutover that a person paused: that has a time limit, which a question has not.
    """
    root = parked.root.state
    if root is None:
        return None
    if root.is_final():
        with get_client(sync_client=True) as client:
            fresh = client.read_flow_run(parked.run.id).state  # it may have ended since the list was read
            if fresh is None or fresh.is_final():
                return None
            client.set_flow_run_state(parked.run.id, Cancelled(message="Its cutover has ended."), force=True)
        return "closed the question of an ended cutover"
    if parked.cancelling:
        return _ask_anew(parked) if root.is_paused() else None
    if parked.paused and root.is_paused() and root.state_details.pause_timeout and has_form(parked.run):
        return _suspend_for_good(parked)
    if parked.paused and root.is_running() and has_form(parked.run):
        suspend_cutover(parked.root.id, key=parked.suspend_key)
        return "suspended the cutover of a parked question"
    if not parked.paused and root.is_paused():
        with get_client(sync_client=True) as client:
            fresh = client.read_flow_run(parked.run.id).state  # it may have parked since the list was read
            if fresh is None or not fresh.is_running():
                return None
            resume_cutover(client, parked.root.id)
        return "resumed the cutover of an answered question"
    return None


def _ask_anew(parked: Parked) -> str | None:
    with get_client(sync_client=True) as client:
        fresh = client.read_flow_run(parked.run.id).state
        if fresh is None or not fresh.is_cancelling():
            return None
        client.set_flow_run_state(parked.run.id, Cancelled(message="Cancelled; it is asked anew."), force=True)
        resume_cutover(client, parked.root.id)
    return "closed a cancelled question; it is asked anew"


def _suspend_for_good(parked: Parked) -> str | None:
    with get_client(sync_client=True) as client:
        fresh, before = client.read_flow_run(parked.root.id).state, parked.root.state
        if fresh is None or before is None or fresh.id != before.id:
            return None
        own: State[Any] = Suspended(pause_key=parked.suspend_key)
        client.set_flow_run_state(parked.root.id, own, force=True)
    return "took the time limit from the pause of a cutover whose question is open"


def _is_readable(run: FlowRun) -> bool:
    """Whether it names what `Parked` wants to know; one run that nobody can read hides no other one."""
    flow, plan = flow_that_parks(run), run.parameters.get("cutover")
    if flow is None or run.state is None or not isinstance(plan, dict) or not plan.get("customer"):
        return False
    return isinstance(run.parameters.get("step" if flow == WAIT_FLOW else "name"), str)


def _parents(client: SyncPrefectClient, task_run_ids: list[UUID]) -> dict[UUID, UUID]:
    """Task run -> the flow run that it belongs to."""
    parents: dict[UUID, UUID] = {}
    for start in range(0, len(task_run_ids), _PAGE):
        chosen = TaskRunFilter(id=TaskRunFilterId(any_=task_run_ids[start : start + _PAGE]))
        for run in client.read_task_runs(task_run_filter=chosen, limit=_PAGE):
            if run.flow_run_id:
                parents[run.id] = run.flow_run_id
    return parents


def _by_id(client: SyncPrefectClient, ids: list[UUID]) -> list[FlowRun]:
    runs: list[FlowRun] = []
    for start in range(0, len(ids), _PAGE):
        runs += client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": ids[start : start + _PAGE]}}), limit=_PAGE
        )
    return runs
