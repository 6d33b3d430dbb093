"""What Prefect remembers of a root run, and of the sub-flows at which it was parked."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from tasks.engine.port import ParkedRecord, RunRecord

PARKED = "mailmove-parked"
"""Tag of every sub-flow that may park; the watch looks for it."""

FLOWS = ("wait", "gate", "trouble")
"""Names of the flows that park; each sub-flow run carries its own as a tag."""

_PAGE = 200


def read_run(root: UUID) -> RunRecord | None:
    """A root run and what it was parked at; None: Prefect has forgotten it."""
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(root)
        except ObjectNotFound:
            return None
        children = [(child, kind) for child in _children(client, root) if (kind := flow_that_parks(child))]
        flow = client.read_flow(run.flow_id).name
        parked = [_parked(child, kind, client.read_flow_run_states(child.id)) for child, kind in children]
    return RunRecord(
        state=run.state_name or "unknown",
        parameters=run.parameters,
        began=_plain(run.start_time),
        ended=_plain(run.end_time),
        parked=parked,
        flow=flow,
    )


def open_runs(flow: str, customer: str) -> list[UUID]:
    """Root runs of this flow and customer that are not over, newest first."""
    kinds = [kind for kind in StateType if kind not in TERMINAL_STATES]
    runs: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=kinds))),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=_PAGE,
                offset=len(runs),
            )
            runs += page
            if len(page) < _PAGE:
                break
    plans = [(run.id, run.parameters.get("plan")) for run in runs]
    return [run for run, plan in plans if isinstance(plan, dict) and plan.get("customer") == customer]


def _children(client: SyncPrefectClient, root: UUID) -> list[FlowRun]:
    chosen = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[root]), tags=FlowRunFilterTags(all_=[PARKED])
    )
    runs: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(flow_run_filter=chosen, limit=_PAGE, offset=len(runs))
        runs += page
        if len(page) < _PAGE:
            return runs


def flow_that_parks(run: FlowRun) -> str | None:
    """Which of the flows that park it is, by its tags; None: none of ours."""
    return next((name for name in FLOWS if name in run.tags), None)


def _parked(run: FlowRun, flow: str, states: list[State]) -> ParkedRecord:
    in_order = sorted(states, key=lambda state: state.timestamp)
    times = [
        (_aware(state.timestamp), _plain(after.timestamp if after else None), state.message or "")
        for state, after in pairwise([*in_order, None])
        if state is not None and state.is_paused()
    ]
    return ParkedRecord(id=run.id, flow=flow, parameters=run.parameters, times=times)


def _plain(at: datetime | None) -> datetime | None:
    return _aware(at) if at else None


def _aware(at: datetime) -> datetime:
    """Prefect's times are of a class of its own, whose differences do not divide."""
    return datetime.fromtimestamp(at.timestamp(), tz=UTC)
