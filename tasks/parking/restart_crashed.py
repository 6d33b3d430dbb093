"""A cutover that was cut short is started again: its host rebooted, the kernel needed the memory, its server was away.

Prefect calls a run Crashed whose process has died, and leaves it so. A run that asks for something while the server is
started anew Fails, as if that were the run's own doing: Prefect's client does not try again where it has not connected
before. What was finished is remembered, and every stage looks before it acts, so that going on is what a person would
do; the watch does it at once.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry

from mailmove.clock import now
from tasks.engine.run_ends import cut_short
from tasks.ledger.rolled_back import fact_of
from tasks.parking.rolled_back import not_rolled_back

MOST_RESTARTS = 10
"""Number of crashes of one cutover that are restarted; more come of something that starting again does not mend."""

FRESH = timedelta(hours=24)
"""Maximum age of a crashed run that is restarted automatically; older ones ask a person."""


def cutovers_to_restart() -> list[FlowRun]:
    """Cutovers that were cut short within the last day, each the newest of its customer, and not rolled back."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["cutover"])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED, StateType.FAILED])),
                end_time=FlowRunFilterEndTime(after_=now() - FRESH),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        )
        recent = [run for run in runs if cut_short(run.state)]
        if not recent:
            return []
        newest: dict[str, UUID] = {}
        for run in client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["cutover"])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        ):
            newest.setdefault(_customer(run), run.id)
        return not_rolled_back(run for run in recent if newest.get(_customer(run)) == run.id)


def restart(run: FlowRun) -> str | None:
    """Have a worker start it again; says so. None: it was started or rolled back meanwhile, or has died too often."""
    with get_client(sync_client=True) as client:
        fresh = client.read_flow_run(run.id).state
        crashes = sum(cut_short(state) for state in client.read_flow_run_states(run.id))
        if not cut_short(fresh) or crashes > MOST_RESTARTS or fact_of(run.id) is not None:
            return None
        client.set_flow_run_state(run.id, AwaitingRetry(message="It was cut short; it goes on."), force=True)
    return f"started the cutover again, which had been cut short ({crashes} of at most {MOST_RESTARTS} times)"


def _customer(run: FlowRun) -> str:
    return str(run.parameters.get("plan", {}).get("customer", run.id))
