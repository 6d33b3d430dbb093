"""Start a run again that ended before it was done, or that somebody paused: as a person's command says."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry

from mailmove.errors import Blocked
from tasks.engine.current import engine
from tasks.engine.run_ends import is_refused
from tasks.ledger.rolled_back import fact_of
from tasks.parking.halted import ROOTS
from tasks.parking.one_run import claim_of_customer

_PAGE = 200
_MOST = 2000
"""Number of runs of a flow that are read to find a customer's newest one; the board reads as many."""


@dataclass(frozen=True)
class Started:
    """flow: cutover or rollback. was: the state in which it stood."""

    run: UUID
    flow: str
    was: str


def start_again(customer: str) -> Started:
    """Have a worker take the customer's newest cutover or rollback where it stood. Blocked: there is nothing to start.

    What was finished is remembered, and every stage checks before it acts; a question that is open is asked anew.
    """
    flow, run = _newest(customer)
    if (fact := fact_of(run.id)) is not None:
        raise _refused(customer, f"its cutover was {fact.words}", fact.todo)
    state = run.state
    if state is None or not (state.is_failed() or state.is_crashed() or state.is_cancelled() or state.is_paused()):
        was = state.name if state else "without a state"
        raise _refused(customer, f"its {flow} is {was}", "See `mailmove status`.")
    having = engine().claimed_by(customer)
    if having not in (None, run.id):
        raise _refused(customer, f"another run, {having}, has it and is not over", "See `mailmove status`.")
    with get_client(sync_client=True) as client:
        if state.is_paused():
            client.resume_flow_run(run.id)
        else:
            message = "Started again by a person."
            client.set_flow_run_state(run.id, AwaitingRetry(message=message), force=True)
    return Started(run.id, flow, state.name or state.type.value)


def _newest(customer: str) -> tuple[str, FlowRun]:
    """The run that has the customer, where it can be started again; else the newest that was not refused."""
    runs = [(flow, run) for flow in ROOTS for run in _newest_of(flow, customer)]
    if not runs:
        raise _refused(customer, "no run of it", "Start one: `mailmove start` with the plan.")
    has_it = claim_of_customer(customer)
    return max(runs, key=lambda pair: (pair[1].id == has_it, _start(pair[1])))


def _start(run: FlowRun) -> float:
    return run.expected_start_time.timestamp() if run.expected_start_time else 0.0


def _newest_of(flow: str, customer: str) -> list[FlowRun]:
    """All of the first page that has any."""
    named = FlowFilter(name=FlowFilterName(any_=[flow]))
    with get_client(sync_client=True) as client:
        for offset in range(0, _MOST, _PAGE):
            page = client.read_flow_runs(
                flow_filter=named,
                flow_run_filter=FlowRunFilter(),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=_PAGE,
                offset=offset,
            )
            runs = [run for run in page if run.parameters.get("plan", {}).get("customer") == customer]
            if runs := [run for run in runs if not is_refused(run.state)]:
                return runs
            if len(page) < _PAGE:
                break
    return []


def _refused(customer: str, seen: str, todo: str) -> Blocked:
    return Blocked("Prefect", wanted=f"a cutover or rollback of {customer} to start again", seen=seen, todo=todo)
