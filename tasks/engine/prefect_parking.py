"""Park a sub-flow: it turns into a question in the Prefect UI, and its process ends.

Tested on Prefect 3.8 and 3.9 (tests/engine): a sub-flow may not be suspended, and a paused one holds its process.
So the sub-flow puts itself into Paused, suspends the cutover above it, and leaves by Prefect's own `Pause`. To resume
it, `tasks/parking/resume.py` resumes both; Prefect starts the cutover anew and re-attaches this very sub-flow run.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.input import RunInput

from tasks.engine.port import Parking
from tasks.engine.prefect_internals import (
    current_flow_run,
    leave_paused,
    pause_with_form,
    read_answer,
    suspend,
    used_pause_keys,
)

Form = TypeVar("Form")


class PrefectParking(Parking):
    """Sub-flow runs that are Paused are the questions."""

    def last_answer(self, form: type[Form]) -> Form | None:
        run = own_run()
        parked = len(used_pause_keys(run))
        response = read_answer(run.id, parked) if parked else None
        return form(**response) if response else None

    def park(self, form: type[Any], question: str) -> NoReturn:
        """A kill before the cutover is suspended is mended by the watch. A kill before the form is saved leaves the
        cutover running without a process: it is restarted as crashed, and asks anew.
        """
        run = own_run()
        key = len(used_pause_keys(run)) + 1
        get_run_logger().info("%s", question)  # so that the run's own page shows what is asked
        shown = cast(type[RunInput], form).with_initial_data(description=question)
        with get_client(sync_client=True) as client:
            state = pause_with_form(client, run.id, key, shown, question.splitlines()[0])
            root = root_of(client, run)
        self.suspend_root(root, key=suspend_key(state, str(key)))  # as the watch does, so that both may do it
        leave_paused(state)

    def suspend_root(self, root: UUID, *, key: str) -> None:
        """The second half of parking: between the two a process may be killed."""
        suspend_cutover(root, key=key)

    def times_parked(self) -> int:
        return len(used_pause_keys(own_run()))


def suspend_cutover(root: UUID, *, key: str) -> None:
    """Suspend a cutover; nothing happens if it is parked already."""
    suspend(root, key=key)


def suspend_key(asking: State[Any], number: str) -> str:
    """Key for suspending the cutover above a question in this state, once for each asking.

    It begins with the id of the state: Prefect forgets the pause keys of a sub-flow run that had ended and runs again,
    so that the numbers of its questions begin anew (prefect/server/orchestration/core_policy.py,
    `HandleFlowTerminalStateTransitions`), and the run above knows each key for ever.
    """
    return f"{asking.id}-{number}"


def root_of(client: SyncPrefectClient, run: FlowRun) -> UUID:
    """The flow run above a sub-flow run; the run itself where there is none."""
    if run.parent_task_run_id is None:
        return run.id
    parent = client.read_task_run(run.parent_task_run_id).flow_run_id
    assert parent is not None, "the task run of a sub-flow belongs to a flow run"
    return parent


def own_run_id() -> UUID:
    """The sub-flow run that this code runs in."""
    run = current_flow_run()
    assert run is not None, "parking is for flows"
    return run.id


def own_run() -> FlowRun:
    """The sub-flow run as the server has it now: the context's copy does not know new pause keys."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(own_run_id())
