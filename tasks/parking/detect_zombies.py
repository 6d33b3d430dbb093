"""A run whose worker died together with it: a power cut. Nobody reports that, and Prefect shows Running for ever.

A flow's process sends a heartbeat event every `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` seconds (Prefect's own default: 180).
Who has beaten and then neither beats, nor logs, nor changes a state for three times as long is called Crashed, as in
Prefect's own recipe (docs.prefect.io/v3/advanced/detect-zombie-flows); `restart_crashed.py` does the rest.

Two processes of one cutover must not be. So silence is believed only where it is not ours: heartbeats go by a web
socket, logs and states by plain requests, and all of them must have stopped; and the server must hold somebody else's
heartbeat of the same time, such as the last watch's, or it is the server that does not keep them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import LogSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import Crashed

from mailmove.clock import now
from tasks.engine.prefect_internals import HEARTBEAT_EVENT, heartbeat_seconds, resource_of
from tasks.parking.halted import ROOTS

MISSED = 3
"""Heartbeats that must be missing one after the other."""

NEVER_BEATEN = timedelta(minutes=30)
"""Silence that is believed of a run of which the server has no heartbeat of the last day: killed before its first one,
or Running since before the machine was off for a weekend. Perhaps its host cannot send any; it must not log either.
"""

_BACK = timedelta(days=1)
_PAGE = 200


def zombie_cutovers() -> list[FlowRun]:
    """Cutovers and rollbacks that are Running by their state and without a process by every sign.

    [] where heartbeats are switched off, and where the server keeps none: then nobody's silence says anything.
    """
    beat = heartbeat_seconds()
    if beat is None:
        return []
    patience = timedelta(seconds=MISSED * beat)
    with get_client(sync_client=True) as client:
        idle = [run for run in _running(client) if run.state and now() - run.state.timestamp > patience]
        if not idle or not _keeps_beats(client, patience):
            return []
        return [run for run in idle if _is_silent(client, run, patience)]


def mark_crashed(run: FlowRun) -> str | None:
    """Say in its name what it cannot say; None: it has moved meanwhile."""
    with get_client(sync_client=True) as client:
        fresh = client.read_flow_run(run.id)
        if fresh.state is None or run.state is None or fresh.state.id != run.state.id:
            return None
        client.set_flow_run_state(run.id, Crashed(message="It and its worker have fallen silent."), force=True)
    return "it and its worker have fallen silent; it has no process any more"


def _running(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(ROOTS))),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))),
        limit=_PAGE,
    )


def _is_silent(client: SyncPrefectClient, run: FlowRun, patience: timedelta) -> bool:
    beaten = _last_beat(client, run.id)
    signs = list(_other_signs(client, run))
    return now() - max([beaten, *signs] if beaten else signs) > (patience if beaten else NEVER_BEATEN)


def _other_signs(client: SyncPrefectClient, run: FlowRun) -> Iterator[datetime]:
    """When it last logged or changed a state, itself or in a sub-flow."""
    parent = FlowRunFilterParentFlowRunId(any_=[run.id])
    family = [run, *client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent), limit=_PAGE)]
    yield from (run.state.timestamp for run in family if run.state)
    chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id for run in family]))
    yield from (line.timestamp for line in client.read_logs(chosen, limit=1, sort=LogSort.TIMESTAMP_DESC))


def _keeps_beats(client: SyncPrefectClient, patience: timedelta) -> bool:
    """Did anybody's heartbeat arrive in the time in which others were silent?"""
    beats = EventFilter(event=EventNameFilter(name=[HEARTBEAT_EVENT]), occurred=_since(patience))
    return bool(client.read_events(filter=beats, limit=1).events)


def _since(back: timedelta) -> EventOccurredFilter:
    return EventOccurredFilter(since=now() - back, until=now() + timedelta(minutes=5))


def _last_beat(client: SyncPrefectClient, run: UUID) -> datetime | None:
    """Within the last day."""
    beats = EventFilter(
        event=EventNameFilter(name=[HEARTBEAT_EVENT]),
        resource=EventResourceFilter(id=[resource_of(run)]),
        occurred=_since(_BACK),
    )
    return max((event.occurred for event in client.read_events(filter=beats, limit=1).events), default=None)
