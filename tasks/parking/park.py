"""Park a sub-flow: it turns into a question in the Prefect UI, and its process ends.

Proved on Prefect 3.8 (see the design, section 3): a sub-flow may not be suspended, and a paused one holds its process.
So the sub-flow puts itself into Paused, suspends the cutover above it, and leaves by Prefect's own `Pause`. To wake it,
`tasks/parking/wake.py` resumes both; Prefect starts the cutover anew and re-attaches this very sub-flow run.
"""

from __future__ import annotations

from copy import copy
from types import FunctionType
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import Flow, flow_runs, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext, SettingsContext, get_settings_context
from prefect.exceptions import Pause
from prefect.input import RunInput
from prefect.input.actions import delete_flow_run_input, read_flow_run_input
from prefect.input.run_input import Keyset, keyset_from_paused_state
from prefect.states import Paused
from prefect.utilities.engine import propose_state_sync
from pydantic import Field, SkipValidation, WithJsonSchema

from mailmove.plan.cutover import Cutover

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
    function = cast(FunctionType, sub_flow.fn)
    renamed = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    renamed.__qualname__ = f"{function.__qualname__}[{name}]"
    renamed.__annotations__, renamed.__module__ = function.__annotations__, function.__module__
    clone = copy(sub_flow)
    clone.fn = renamed
    return clone


def to_its_end(sub_flow: Flow[P, Any], name: str, *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a sub-flow under this name, or find that it has ended; raises what it ended with, if not well.

    What it came to is in the ledger. Its result is not even kept: that place may be full, or lost with its worker, and
    Prefect fails a run that it cannot write or read a result for. It lives in its cutover's process, whose heart beats
    for both: one of its own would only be a second to wait for at its end.
    """
    with _without_heartbeat():
        state = cast(Any, known_as(sub_flow, name))(*args, return_state=True, **kwargs)
    if not state.is_completed():
        state.result()


def _without_heartbeat() -> SettingsContext:
    here = get_settings_context()  # Prefect's own temporary_settings reads all settings anew: 0.1 s
    flows = here.settings.flows.model_copy(update={"heartbeat_frequency": None})
    return SettingsContext(profile=here.profile, settings=here.settings.model_copy(update={"flows": flows}))


def last_answer(form: type[Form]) -> Form | None:
    """What was answered when this sub-flow was last parked; None: never parked, or woken without an answer."""
    run = _own_run()
    parked = len(_used_keys(run))
    if not parked:
        return None
    response = read_flow_run_input(_keyset(parked)["response"], flow_run_id=run.id)
    return form(**cast(dict[str, Any], response)) if response else None


def park(form: type[RunInput], question: str, **initial: Any) -> NoReturn:
    """Turn this sub-flow into a question and end the process. Never returns.

    The form is saved before the state changes: a kill in between leaves nothing that cannot be answered. A kill
    before the cutover is suspended is mended by the watch.
    """
    run = _own_run()
    key = len(_used_keys(run)) + 1
    get_run_logger().info("%s", question)  # so that the run's own page shows what is asked
    state: State[Any] = Paused(reschedule=False, pause_key=str(key))
    state.state_details.run_input_keyset = dict(_keyset(key))  # type: ignore[arg-type]  # Prefect's own type lags
    state.message = question.splitlines()[0]
    shown = form.with_initial_data(description=question, **initial)
    keyset = _keyset(key)
    for left in (keyset["description"], keyset["schema"]):  # by a try that was killed before it parked
        if read_flow_run_input(left, flow_run_id=run.id) is not None:
            delete_flow_run_input(left, flow_run_id=run.id)
    shown.save(_keyset(key), flow_run_id=run.id)
    with get_client(sync_client=True) as client:
        propose_state_sync(client, state, flow_run_id=run.id)
        root = root_of(client, run)
    suspend_cutover(root, key=f"{run.id}-{key}")  # the same key as the watch uses, so that both may do it
    raise Pause(state=state)


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


def times_parked() -> int:
    """How often this sub-flow has parked: the key of the question that was last asked; 0: none yet."""
    return len(_used_keys(_own_run()))


def own_run_id() -> UUID:
    """The sub-flow run that this code runs in."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None, "parking is for flows"
    return context.flow_run.id


def _own_run() -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(own_run_id())  # fresh: the context's copy does not know new pause keys


def _used_keys(run: FlowRun) -> set[str]:
    return set(run.empirical_policy.pause_keys or ())


def _keyset(key: int) -> Keyset:
    paused: State[Any] = Paused(reschedule=False, pause_key=str(key))
    return keyset_from_paused_state(paused)
