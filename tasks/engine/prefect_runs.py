"""What Prefect remembers of a root run, and of the sub-flows at which it was parked."""

from __future__ import annotations

from collections.abc import Sequence
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
    chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=kinds)))
    with get_client(sync_client=True) as client:
        runs = all_runs(client, chosen, flows=[flow], sort=FlowRunSort.EXPECTED_START_TIME_DESC)
    plans = [(run.id, run.parameters.get("plan")) for run in runs]
    return [run for run, plan in plans if isinstance(plan, dict) and plan.get("customer") == customer]


def all_runs(
    client: SyncPrefectClient, chosen: FlowRunFilter, *, flows: Sequence[str] = (), sort: FlowRunSort | None = None
) -> list[FlowRun]:
    """Every run that is chosen, page by page; flows: names of its flow, none: any."""
    named = FlowFilter(name=FlowFilterName(any_=list(flows))) if flows else None
    runs: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(
            flow_filter=named, flow_run_filter=chosen, sort=sort, limit=_PAGE, offset=len(runs)
        )
        runs += page
        if len(page) < _PAGE:
            return runs


def state_if_unmoved(client: SyncPrefectClient, run: FlowRun) -> State | None:
    """The state in which a run was read, if it still is in it; None: it has moved since, or was deleted."""
    try:
        state = client.read_flow_run(run.id).state
    except ObjectNotFound:
        return None
    return state if state is not None and run.state is not None and state.id == run.state.id else None


def _children(client: SyncPrefectClient, root: UUID) -> list[FlowRun]:
    chosen = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[root]), tags=FlowRunFilterTags(all_=[PARKED])
    )
    return all_runs(client, chosen)


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
