"""A cutover whose process has died is started again: its host rebooted, or the kernel needed the memory.

Prefect calls such a run Crashed, and leaves it so. What was finished is remembered, and every stage looks before it
acts, so that going on is what a person would do; the watch does it at once.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry

from mailmove.evidence import now

MOST = 10
"""Deaths of one cutover; who dies oftener dies of something that starting again does not mend."""

FRESH = timedelta(hours=24)
"""A cutover that died longer ago is a person's affair: the world has gone on without it."""


def crashed() -> list[FlowRun]:
    """Cutovers that died within the last day, each the newest of its customer."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["cutover"])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        )
        recent = [run for run in runs if run.state and now() - run.state.timestamp < FRESH]
        if not recent:
            return []
        newest: dict[str, UUID] = {}
        for run in client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["cutover"])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        ):
            newest.setdefault(_customer(run), run.id)
        return [run for run in recent if newest.get(_customer(run)) == run.id]


def revive(run: FlowRun) -> str | None:
    """Have a worker start it again; says so. None: it was started meanwhile, or has died too often."""
    with get_client(sync_client=True) as client:
        fresh = client.read_flow_run(run.id).state
        deaths = sum(state.is_crashed() for state in client.read_flow_run_states(run.id))
        if fresh is None or not fresh.is_crashed() or deaths > MOST:
            return None
        client.set_flow_run_state(run.id, AwaitingRetry(message="Its process died; it goes on."), force=True)
    return f"started the cutover again, whose process had died ({deaths} of at most {MOST} times)"


def _customer(run: FlowRun) -> str:
    return str(run.parameters.get("plan", {}).get("customer", run.id))
