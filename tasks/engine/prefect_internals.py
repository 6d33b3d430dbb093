"""Everything that Mailmove knows of Prefect's inside. No other file does; Prefect may change it in any release.

Each function says what Prefect does and in which of its files. `tests/engine/` holds a
contract test for each, on the newest and on the oldest Prefect that `pyproject.toml` allows.

Five files have to stay where the process starts that needs them, because they run before or instead of Prefect's own:
`deployments/engine.py`, `deployments/server/box.py` (settings by name), `deployments/server/api_server.py`,
`deployments/server/sqlite_begin_immediate.py` and, for tests, `tests/conftest.py`. That one no contract test covers.
`tasks/engine/prefect_blocks.py` replaces the one function through which every block is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from types import FunctionType
from typing import Any, NoReturn, ParamSpec, TypeVar, cast
from uuid import UUID

from httpx import HTTPStatusError, codes
from prefect import Flow, flow_runs
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, Variable
from prefect.context import FlowRunContext, SettingsContext, get_settings_context
from prefect.exceptions import Abort, Pause, PrefectHTTPStatusError
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.input.run_input import Keyset, keyset_from_paused_state
from prefect.settings import get_current_settings
from prefect.states import Paused
from prefect.utilities.dispatch import lookup_type
from prefect.utilities.engine import propose_state_sync

P = ParamSpec("P")
R = TypeVar("R")

# --- the running flow ----------------------------------------------------------------------------------------------


def current_flow_run() -> FlowRun | None:
    """The flow run that this code runs in, as it was when its function began; None: no flow runs here.

    Prefect keeps it in a context variable (prefect/context.py, `FlowRunContext`) and does not refresh it: pause keys
    and states that came later are not in it. `prefect.runtime` is public, but has no state.
    """
    context = FlowRunContext.get()
    return context.flow_run if context else None


def without_heartbeat() -> SettingsContext:
    """Context manager: flows that start within send no heartbeats of their own.

    A flow sends them while `flows.heartbeat_frequency` is set, from a thread that takes up to a second to end
    (prefect/flow_engine.py, `_send_heartbeats`). Only this setting is replaced: Prefect's own `temporary_settings`
    (prefect/settings/context.py) reads all settings anew, which takes 0.1 s.
    """
    outer = get_settings_context()
    flows = outer.settings.flows.model_copy(update={"heartbeat_frequency": None})
    return SettingsContext(profile=outer.profile, settings=outer.settings.model_copy(update={"flows": flows}))


def keyed_by(sub_flow: Flow[P, R], name: str) -> Flow[P, R]:
    """The same sub-flow with `name` in its re-attachment key; `sub_flow` itself stays as it is.

    A resumed cutover re-attaches it by what it is for: how often it was called before is not the same in a resumed
    run, when a stage that failed then passes now.

    A resumed flow re-attaches its sub-flow runs by a task run of the same `task_key` and `dynamic_key`. The first
    comes from the function's `__qualname__` (prefect/tasks.py, `_generate_task_key`), the second counts the calls in
    this process (prefect/utilities/engine, `dynamic_key_for_task_run`). So each name gets a function of its own.
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


def leave_paused(state: State[Any]) -> NoReturn:
    """End this process's part in the run, whose state is `state` on the server already.

    Prefect's engine lets `Pause` through without setting a state (prefect/flow_engine.py, `initialize_run`), and its
    process ends with status 0 (prefect/engine.py, `handle_engine_signals`). It is no `Exception`: nothing catches it.
    """
    raise Pause(state=state)


def suspend(run: UUID, *, key: str) -> None:
    """Suspend a root run from any process, once for each key; nothing happens if it is suspended already.

    The public `suspend_flow_run` does it, but where `run` is above the flow that calls it, Prefect also notes the wish
    in this process and raises `Pause` at the next request (prefect/_flow_run_suspension.py). A caller
    leaves by `leave_paused` anyway.
    """
    try:
        flow_runs.suspend_flow_run(flow_run_id=run, key=key)
    except Pause:
        return
    except RuntimeError:  # Prefect's word for a run that is neither Running nor Paused
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run).state
        if state is None or state.is_running():
            raise  # it cannot be suspended at all: it has no deployment


def suspended_by_us(state: State[Any]) -> bool:
    """Whether `suspend` made this Paused state, with a key of Mailmove's: '<an id>-<number>' (`suspend_key`).

    The UI's Pause sends a state without a key (prefect/server/ui-v2), `suspend_flow_run` one that is a bare UUID.
    """
    run, _, number = (state.state_details.pause_key or "").rpartition("-")
    try:
        return str(UUID(run)) == run and number.isdecimal()
    except ValueError:
        return False


def ended_without_a_word(state: State[Any]) -> bool:
    """Whether a sub-flow run was ended, or is being ended, by somebody else: cancelled, timed out or failed by hand.

    What fails by itself has its exception as data (prefect/states.py, `exception_to_failed_state`); the states of the
    UI's buttons and of the server's own services have none.
    """
    if state.is_cancelling() or state.is_cancelled():
        return True
    return (state.is_failed() or state.is_crashed()) and state.data is None


def leave_without_state(reason: str) -> NoReturn:
    """End this process without another request to the server about the run's state: the run belongs to another one.

    Prefect's engine treats `Abort` as it does `Pause`. An ordinary exception would make it propose Failed.
    """
    raise Abort(reason)


# --- pausing with a form -------------------------------------------------------------------------------------------


def used_pause_keys(run: FlowRun) -> set[str]:
    """Keys under which this run has paused. `run` must be read afresh: the context's copy does not know new ones.

    The server adds the key when it accepts a Paused state and rejects a second one of the same key
    (prefect/server/orchestration/core_policy.py, `HandlePausingFlows`).
    """
    return set(run.empirical_policy.pause_keys or ())


def form_keys(number: int) -> Keyset:
    """Keys of the run inputs of a question: its `schema`, `description` and `response`. number: the pause key."""
    return keyset_from_paused_state(Paused(reschedule=False, pause_key=str(number)))


def pause_with_form(
    client: SyncPrefectClient, run: UUID, number: int, form: type[RunInput], message: str
) -> State[Any]:
    """Set this sub-flow run to Paused and show a form for it; returns the state that it has afterwards.

    number: the pause key, not used before. message: shown beside the state. Raises Abort when the server says so.

    The public `pause_flow_run` holds its process; `suspend_flow_run` is refused for sub-flows, and so is a Paused that
    is to be rescheduled. The form is saved after the state: on entering Paused, a server from 3.9.1 on deletes every
    run input that the state's `run_input_keyset` names (`HandlePausingFlows`). A kill between the two leaves a question
    without a form (`has_form`).
    """
    state: State[Any] = Paused(reschedule=False, pause_key=str(number))
    state.state_details.run_input_keyset = dict(form_keys(number))  # type: ignore[arg-type]  # Prefect's own type lags
    state.message = message
    reached = propose_state_sync(client, state, flow_run_id=run)
    if reached.is_paused():
        try:
            form.save(form_keys(number), flow_run_id=run)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != codes.CONFLICT:
                raise
            _forget_form(client, run, number)
            form.save(form_keys(number), flow_run_id=run)
    return reached


def _forget_form(client: SyncPrefectClient, run: UUID, number: int) -> None:
    """Away with an earlier question of this number, and its answer: a run that had ended and runs again counts anew.

    Servers before 3.9.1 keep both.
    """
    for key in form_keys(number).values():
        if read_flow_run_input(key, flow_run_id=run) is not None:
            client.delete_flow_run_input(run, key)


def has_form(run: FlowRun) -> bool:
    """Whether a paused run can be answered. The server resumes none whose schema is missing (REJECT)."""
    keys = run.state.state_details.run_input_keyset if run.state else None
    return keys is None or read_flow_run_input(keys["schema"], flow_run_id=run.id) is not None


def read_answer(run: UUID, number: int) -> dict[str, Any] | None:
    """What was answered under this pause key; None: nothing.

    The server keeps it as a run input when it resumes the run (prefect/server/api/flow_runs.py, `resume_flow_run`).
    """
    return cast(dict[str, Any] | None, read_flow_run_input(form_keys(number)["response"], flow_run_id=run))


# --- signs of life -------------------------------------------------------------------------------------------------

HEARTBEAT_EVENT = "prefect.flow-run.heartbeat"
"""Name of the event by which a flow's process shows that it lives (prefect/flow_engine.py)."""

SHORTEST_HEARTBEAT = 30
"""Seconds; Prefect sends heartbeats no oftener (prefect/flow_engine.py, `MINIMUM_HEARTBEAT_INTERVAL`)."""


def heartbeat_seconds() -> int | None:
    """Seconds between two heartbeats of a flow's process; None: they are switched off."""
    frequency = get_current_settings().flows.heartbeat_frequency
    return None if frequency is None else max(SHORTEST_HEARTBEAT, frequency)


def resource_of(run: UUID) -> str:
    """Resource id of a flow run in events (prefect/events/related.py)."""
    return f"prefect.flow-run.{run}"


_SERVER_AWAY = re.compile(
    r"Flow run encountered an exception: "
    r"((Connect|Read|Write|Pool)(Error|Timeout)|RemoteProtocolError|PrefectHTTPStatusError: Server error '5)"
)
"""Message of a Failed state: the engine's words (prefect/flow_engine.py, `handle_exception`), then the type of the
error as `format_exception` writes it (prefect/states.py). The errors are those of httpx and of Prefect's client."""


def server_was_away(state: State[Any]) -> bool:
    """Whether a run failed because Prefect's server did not answer.

    Prefect's client does not try again where it has not connected before (prefect/client/base.py), so that the run
    fails as if that were its own doing. What Mailmove asks of others raises an error of its own, and parks.
    """
    return state.is_failed() and bool(_SERVER_AWAY.match(state.message or ""))


# --- what Prefect stores -------------------------------------------------------------------------------------------


def block_document_id(value: dict[str, Any]) -> str | None:
    """Id of the block that a form has chosen; None: this is something else.

    Prefect's form sends `{"$ref": {"block_document_id": ...}}`, the server keeps it so, and the worker puts the block
    in its place (prefect/utilities/templating, `resolve_block_document_references`).
    """
    reference = value.get("$ref")
    return reference.get("block_document_id") if isinstance(reference, dict) else None


def rows_of_table(data: Any) -> list[dict[str, Any]]:
    """Rows of a table artifact. The server gives them as JSON text, or as JSON text of that text."""
    while isinstance(data, str):
        data = json.loads(data)
    return list(data)


def result_storage() -> Any:
    """The file system block that keeps the running task's results (prefect/results.py); outside a run, the default."""
    from prefect.results import get_default_result_storage, get_result_store

    return get_result_store().result_storage or get_default_result_storage()


def page_in_ui(run: UUID) -> str | None:
    """Address of a flow run's page in the UI (prefect/utilities/urls.py); None: no UI is known."""
    from prefect.utilities.urls import url_for

    return url_for("flow-run", run)


_PAGE = 200


def all_variables(client: SyncPrefectClient) -> list[Variable]:
    """Every variable. Prefect's own `read_variables` gives one page (prefect/client/orchestration/_variables)."""
    variables: list[Variable] = []
    while True:
        asked = {"limit": _PAGE, "offset": len(variables)}
        page = Variable.model_validate_list(client.request("POST", "/variables/filter", json=asked).json())
        variables += page
        if len(page) < _PAGE:
            return variables


def delete_variable(client: SyncPrefectClient, variable: UUID) -> None:
    """Delete a variable by its id; nothing happens if it is gone. Prefect's client deletes by name only."""
    try:
        client.request("DELETE", "/variables/{id}", path_params={"id": variable})
    except HTTPStatusError as error:
        if error.response.status_code != codes.NOT_FOUND:
            raise


def replace_variable(client: SyncPrefectClient, variable: UUID, value: Any) -> None:
    """Give a variable another value by its id; nothing happens if it is gone. Prefect's client does so by name only."""
    try:
        client.request("PATCH", "/variables/{id}", path_params={"id": variable}, json={"value": value})
    except HTTPStatusError as error:
        if error.response.status_code != codes.NOT_FOUND:
            raise


def replace_artifact(client: SyncPrefectClient, artifact: UUID, data: str, description: str) -> bool:
    """Give an artifact, and its collection if it is the newest, another content; False: it is gone.

    Prefect's client does so too, and then emits an event with the whole content (`update_artifact` in
    prefect/client/orchestration/_artifacts): the database would grow by what was to be saved.
    """
    content = {"data": data, "description": description}
    try:
        client.request("PATCH", "/artifacts/{id}", path_params={"id": artifact}, json=content)
    except HTTPStatusError as error:
        if error.response.status_code != codes.NOT_FOUND:
            raise
        return False
    return True


def block_type_of(slug: str) -> type[Block] | None:
    """The class of a block type that this process has imported, Prefect's own too; None: there is none of that slug.

    Prefect registers each class under its slug (prefect/utilities/dispatch.py).
    """
    try:
        return lookup_type(Block, slug)
    except KeyError:
        return None


# --- clients of a process ------------------------------------------------------------------------------------------


@contextmanager
def one_client() -> Iterator[None]:
    """Within, every `get_client(sync_client=True)` of this thread is the same client.

    A new client reads all trusted roots, 30 ms each time. Prefect's engine does the same for a flow run
    (prefect/context.py, `SyncClientContext`).
    """
    from prefect.context import SyncClientContext

    with SyncClientContext():
        yield


def send_everything_queued() -> None:
    """Return when all events and logs of this process are with the server, and their senders have ended.

    A sender keeps the address that it was started with (prefect/events/worker.py, prefect/logging/handlers.py): who
    turns to another server needs new ones. `drain_all` waits only where no event loop runs, so a thread calls it.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    with ThreadPoolExecutor(1) as aside:
        for sender in (EventsWorker, APILogWorker):
            aside.submit(sender.drain_all).result()
