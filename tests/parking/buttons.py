"""The buttons of Prefect's UI, as its pages press them (prefect/server/ui-v2, read from the wheel of 3.9.1).

Each is one request: `set_state` with `force: true`, `resume`, or a deletion; no rule of the server holds them up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.states import AwaitingRetry, Cancelling, Suspended

Press = Callable[[SyncPrefectClient, UUID], object]


def _forced(client: SyncPrefectClient, run: UUID, state: State[object]) -> object:
    return client.set_flow_run_state(run, state, force=True)


def cancel(client: SyncPrefectClient, run: UUID) -> object:
    return _forced(client, run, Cancelling())


def cancel_with_sub_flows(client: SyncPrefectClient, run: UUID) -> object:
    """Its dialog has a mark for that: then each sub-flow run that is not over is cancelled in the same way."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    cancel(client, run)
    chosen = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
    for child in client.read_flow_runs(flow_run_filter=chosen):
        if child.state_type in (StateType.RUNNING, StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED):
            cancel(client, child.id)
    return None


def pause(client: SyncPrefectClient, run: UUID) -> object:
    """Five minutes are what the dialog offers first; then Prefect calls the run Failed."""
    return _forced(client, run, Suspended(pause_expiration_time=datetime.now(UTC) + timedelta(minutes=5)))


def resume(client: SyncPrefectClient, run: UUID) -> object:
    return client.resume_flow_run(run)


def retry(client: SyncPrefectClient, run: UUID) -> object:
    return _forced(client, run, AwaitingRetry(message="Retry from the UI"))


def delete(client: SyncPrefectClient, run: UUID) -> object:
    return client.delete_flow_run(run)


def change_state(kind: StateType) -> Press:
    """Its dialog gives a run any state that is an end."""

    def change(client: SyncPrefectClient, run: UUID) -> object:
        return _forced(client, run, State(type=kind, name=kind.value.capitalize()))

    return change


BUTTONS: dict[str, Press] = {
    "Cancel": cancel,
    "Cancel with sub-flows": cancel_with_sub_flows,
    "Pause": pause,
    "Resume": resume,
    "Retry": retry,
    "Delete": delete,
    "to Completed": change_state(StateType.COMPLETED),
    "to Failed": change_state(StateType.FAILED),
    "to Cancelled": change_state(StateType.CANCELLED),
    "to Crashed": change_state(StateType.CRASHED),
}


def press(button: str, run: UUID) -> None:
    with get_client(sync_client=True) as client:
        BUTTONS[button](client, run)
