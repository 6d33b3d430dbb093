"""Park a sub-flow: it turns into a question in the Prefect UI, and its process ends.

Tested on Prefect 3.8 and 3.9 (tests/engine): a sub-flow may not be suspended, and a paused one holds its process.
So the sub-flow puts itself into Paused, suspends the cutover above it, and leaves by Prefect's own `Pause`. To wake it,
`tasks/parking/wake.py` resumes both; Prefect starts the cutover anew and re-attaches this very sub-flow run.
"""

from __future__ import annotations

from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import Flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.input import RunInput
from pydantic import Field, SkipValidation, WithJsonSchema

from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_internals import (
    current_flow_run,
    keyed_by,
    leave_paused,
    pause_with_form,
    read_answer,
    suspend,
    used_pause_keys,
    without_heartbeat,
)

PARKED = "mailmove-parked"
"""Tag of every sub-flow that may park; the watch looks for it."""

Plan = Annotated[Cutover, SkipValidation(), WithJsonSchema({"type": "object", "title": "Cutover"})]
"""The plan, as sub-flows are handed it: nobody starts one from a form. Prefect's form of it takes 25 ms for each."""

WAIT_FLOW, GATE_FLOW, TROUBLE_FLOW = "wait", "gate", "trouble"
"""Names of the flows that park; each sub-flow run carries its own as a tag."""


class WaitForm(RunInput):
    """The form of a wait. The watch answers it with the defaults when what is waited for has come."""

    go_on_anyway: bool = Field(default=False, description="Do not wait any longer")
    name: str = Field(default="", description="Who says so")
    reason: str = Field(default="", description="Why; it is kept as evidence")


class GateForm(RunInput):
    """The form of a gate."""

    approve: bool = Field(description="Yes: do exactly what is shown. No: stay as it is")
    name: str = Field(min_length=1, max_length=200, description="Who decides")
    reason: str = Field(default="", max_length=2000, description="Why; it is kept as evidence")
    code: str = Field(default="", max_length=200, description="Only where the question asks for an approval code")


class TroubleForm(RunInput):
    """The form of a stage that cannot go on by itself."""

    name: str = Field(default="", description="Who mended it")
    reason: str = Field(default="", description="What was mended")


Form = TypeVar("Form", bound=RunInput)
P = ParamSpec("P")
R = TypeVar("R")


def known_as(sub_flow: Flow[P, R], name: str) -> Flow[P, R]:
    """The same sub-flow, which a resumed cutover re-attaches by what it is for.

    Prefect tells sub-flow runs apart by the function's name and how often it was called before. That count is not
    the same in a resumed run, when a stage that failed then passes now. So the name goes into the function's name.
    """
    return keyed_by(sub_flow, name)


def to_its_end(sub_flow: Flow[P, Any], name: str, *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a sub-flow under this name, or find that it has ended; raises what it ended with, if not well.

    What it came to is in the ledger. Its result is not even kept: that place may be full, or lost with its worker, and
    Prefect fails a run that it cannot write or read a result for. It lives in its cutover's process, whose heart beats
    for both: one of its own would only be a second to wait for at its end.
    """
    with without_heartbeat():
        state = cast(Any, known_as(sub_flow, name))(*args, return_state=True, **kwargs)
    if not state.is_completed():
        state.result()


def last_answer(form: type[Form]) -> Form | None:
    """What was answered when this sub-flow was last parked; None: never parked, or woken without an answer."""
    run = _own_run()
    parked = len(used_pause_keys(run))
    if not parked:
        return None
    response = read_answer(run.id, parked)
    return form(**response) if response else None


def park(form: type[RunInput], question: str, **initial: Any) -> NoReturn:
    """Turn this sub-flow into a question and end the process. Never returns.

    A kill before the cutover is suspended is mended by the watch. A kill before the form is saved leaves the cutover
    running without a process: it is restarted as crashed, and asks anew.
    """
    run = _own_run()
    key = len(used_pause_keys(run)) + 1
    get_run_logger().info("%s", question)  # so that the run's own page shows what is asked
    shown = form.with_initial_data(description=question, **initial)
    with get_client(sync_client=True) as client:
        state = pause_with_form(client, run.id, key, shown, question.splitlines()[0])
        root = root_of(client, run)
    suspend_cutover(root, key=f"{run.id}-{key}")  # the same key as the watch uses, so that both may do it
    leave_paused(state)


def suspend_cutover(root: UUID, *, key: str) -> None:
    """Suspend a cutover; nothing happens if it is parked already."""
    suspend(root, key=key)


def root_of(client: SyncPrefectClient, run: FlowRun) -> UUID:
    """The flow run above a sub-flow run; the run itself where there is none."""
    if run.parent_task_run_id is None:
        return run.id
    parent = client.read_task_run(run.parent_task_run_id).flow_run_id
    assert parent is not None, "the task run of a sub-flow belongs to a flow run"
    return parent


def times_parked() -> int:
    """How often this sub-flow has parked: the key of the question that was last asked; 0: none yet."""
    return len(used_pause_keys(_own_run()))


def own_run_id() -> UUID:
    """The sub-flow run that this code runs in."""
    run = current_flow_run()
    assert run is not None, "parking is for flows"
    return run.id


def _own_run() -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(own_run_id())  # fresh: the context's copy does not know new pause keys
