"""Park a sub-flow: it turns into a question in the Prefect UI, and its process ends.

Proved on Prefect 3.8 (see the design, section 3): a sub-flow may not be suspended, and a paused one holds its process.
So the sub-flow puts itself into Paused, suspends the cutover above it, and leaves by Prefect's own `Pause`. To resume
it, `tasks/parking/resume.py` resumes both; Prefect starts the cutover anew and re-attaches this very sub-flow run.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

from prefect import flow_runs, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.input import RunInput
from prefect.input.actions import delete_flow_run_input, read_flow_run_input
from prefect.input.run_input import Keyset, keyset_from_paused_state
from prefect.states import Paused
from prefect.utilities.engine import propose_state_sync

from tasks.engine.port import Parking

Form = TypeVar("Form")


class PrefectParking(Parking):
    """Sub-flow runs that are Paused are the questions."""

    def last_answer(self, form: type[Form]) -> Form | None:
        run = own_run()
        parked = len(_used_keys(run))
        if not parked:
            return None
        response = read_flow_run_input(_keyset(parked)["response"], flow_run_id=run.id)
        return form(**cast(dict[str, Any], response)) if response else None

    def park(self, form: type[Any], question: str) -> NoReturn:
        """The form is saved before the state changes: a kill in between leaves nothing that cannot be answered. A kill
        before the cutover is suspended is mended by the watch.
        """
        run = own_run()
        key = len(_used_keys(run)) + 1
        get_run_logger().info("%s", question)  # so that the run's own page shows what is asked
        state: State[Any] = Paused(reschedule=False, pause_key=str(key))
        state.state_details.run_input_keyset = dict(_keyset(key))  # type: ignore[arg-type]  # Prefect's own type lags
        state.message = question.splitlines()[0]
        shown = cast(type[RunInput], form).with_initial_data(description=question)
        keyset = _keyset(key)
        for left in (keyset["description"], keyset["schema"]):  # by a try that was killed before it parked
            if read_flow_run_input(left, flow_run_id=run.id) is not None:
                delete_flow_run_input(left, flow_run_id=run.id)
        shown.save(_keyset(key), flow_run_id=run.id)
        with get_client(sync_client=True) as client:
            propose_state_sync(client, state, flow_run_id=run.id)
            root = root_of(client, run)
        self.suspend(root, key=f"{run.id}-{key}")  # the same key as the watch uses, so that both may do it
        raise Pause(state=state)

    def suspend(self, root: UUID, *, key: str) -> None:
        """The second half of parking: between the two a process may be killed."""
        suspend_cutover(root, key=key)

    def times_parked(self) -> int:
        return len(_used_keys(own_run()))


def suspend_cutover(root: UUID, *, key: str) -> None:
    """Suspend a cutover; nothing happens if it is parked already."""
    try:
        flow_runs.suspend_flow_run(flow_run_id=root, key=key)
    except Pause:
        return


def root_of(client: SyncPrefectClient, run: FlowRun) -> UUID:
    """The flow run above a sub-flow run; the run itself where there is none."""
    if run.parent_task_run_id is None:
        return run.id
    parent = client.read_task_run(run.parent_task_run_id).flow_run_id
    assert parent is not None, "the task run of a sub-flow belongs to a flow run"
    return parent


def own_run_id() -> UUID:
    """The sub-flow run that this code runs in."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None, "parking is for flows"
    return context.flow_run.id


def own_run() -> FlowRun:
    """The sub-flow run as the server has it now: the context's copy does not know new pause keys."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(own_run_id())


def _used_keys(run: FlowRun) -> set[str]:
    return set(run.empirical_policy.pause_keys or ())


def _keyset(key: int) -> Keyset:
    paused: State[Any] = Paused(reschedule=False, pause_key=str(key))
    return keyset_from_paused_state(paused)
