"""The contract with Prefect's inside: one test for each thing that `tasks/engine/prefect_internals.py` relies on.

`make test` runs them on the Prefect of `requirements.lock`, `make prefect-oldest` on the oldest that is supported. Each
failure says what Prefect does otherwise, and what of ours fails then.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import prefect
import pytest
from prefect import Task, flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.events import emit_event
from prefect.exceptions import Abort, Pause, PrefectHTTPStatusError
from prefect.flow_engine import FlowRunEngine, run_flow
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_UI_URL,
    Settings,
    get_current_settings,
    temporary_settings,
)
from prefect.states import AwaitingRetry, Crashed, Paused

from tasks.engine import prefect_internals as internals

ROOT = Path(__file__).resolve().parents[2]
needs_server = pytest.mark.usefixtures("prefect_server")
pytestmark = pytest.mark.timeout(240)  # the first one starts the server


def differs(what: str, ours: str) -> str:
    """Message of a failure."""
    return f"Prefect {prefect.__version__} differs: {what} Of ours, this fails then: {ours}"


ROOMS = ("flows", "tasks", "blocks", "mailmove", "deployments")
INSIDE = re.compile(
    r"prefect\.(_.*|(utilities|context|input|server|cli|engine|flow_engine|task_engine|results)(\..*)?"
    r"|events\.worker|logging\.handlers)"
)
"""Modules of Prefect that are its inside."""
INSIDE_NAMES = {"prefect.exceptions": {"Abort", "Pause"}}
DOCUMENTED = {"prefect.context.TaskRunContext", "prefect.input.RunInput"}
"""What Prefect's documentation imports from there: for a `cache_key_fn`, and for a form."""
ALLOWED = {
    "tasks/engine/prefect_internals.py": ("prefect.",),
    "deployments/server/sqlite_begin_immediate.py": ("prefect.server.database.configurations.", "prefect.cli."),
}
"""File -> what it imports from Prefect's inside begins so."""


def imports_of_the_inside(source: str) -> set[str]:
    """Full names that it imports from Prefect's inside."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {(node.module, alias.name) for alias in node.names}
    return {
        f"{module}.{name}".rstrip(".")
        for module, name in names
        if INSIDE.fullmatch(module) or INSIDE.fullmatch(f"{module}.{name}") or name in INSIDE_NAMES.get(module, ())
    }


def test_one_file_knows_prefects_inside() -> None:
    assert imports_of_the_inside("from prefect.exceptions import Pause\nfrom prefect.flows import Flow") == {
        "prefect.exceptions.Pause"
    }
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        inside = imports_of_the_inside(path.read_text("utf-8")) - DOCUMENTED
        more = {name for name in inside if not name.startswith(ALLOWED.get(file, ()))}
        assert not more, f"{file} imports {more}: that belongs into tasks/engine/prefect_internals.py"


class Form(RunInput):
    name: str


class RootRun:
    """A run of a flow that a deployment has started; `go_on` runs it in this process, as its worker would."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.flow = flow(persist_result=True, result_serializer="json")(function)
        with get_client(sync_client=True) as client:
            deployment = client.create_deployment(client.create_flow(self.flow), name=f"contract-{uuid4().hex[:8]}")
            self.id = client.create_flow_run_from_deployment(deployment).id

    def go_on(self) -> Any:
        """What the flow returned; the signal by which it was left, where it was left by one."""
        try:
            return run_flow(self.flow, flow_run=read(self.id))
        except (Pause, Abort) as signal:
            return signal

    def sub_flow_runs(self) -> list[FlowRun]:
        """Oldest first."""
        parent = FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": [self.id]}})
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(flow_run_filter=parent)
        return sorted(runs, key=lambda run: str(run.created))


def read(run: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def own_id() -> UUID:
    run = internals.current_flow_run()
    assert run is not None, differs("a running flow has no FlowRunContext.", "fencing, parking, the stored plan.")
    return run.id


def park(number: int) -> None:
    """Pause this sub-flow with a form, suspend the run above it, and leave."""
    own = own_id()
    with get_client(sync_client=True) as client:
        state = internals.pause_with_form(client, own, number, Form, "who?")
        parent = client.read_task_run(cast(UUID, client.read_flow_run(own).parent_task_run_id))
    internals.suspend(cast(UUID, parent.flow_run_id), key=f"{own}-{number}")
    internals.leave_paused(state)


@flow
def question() -> str:
    """Asks until it is answered."""
    number = len(internals.used_pause_keys(read(own_id())))
    answer = internals.read_answer(own_id(), number) if number else None
    return f"{answer['name']} after {number}" if answer else cast(str, park(number + 1))


def parked() -> tuple[RootRun, FlowRun]:
    """A suspended run whose sub-flow asks."""

    def asks() -> str:
        return internals.keyed_by(question, "who")()

    root = RootRun(asks)
    signal = root.go_on()
    assert isinstance(signal, Pause), differs(f"a paused sub-flow was left by {signal!r}.", "parking.")
    (asked,) = root.sub_flow_runs()
    return root, asked


def answer(run: UUID, **fields: str) -> SetStateStatus:
    with get_client(sync_client=True) as client:
        return client.resume_flow_run(run, run_input=fields).status


# --- the running flow ----------------------------------------------------------------------------------------------


def test_the_key_of_a_sub_flow_has_its_functions_qualified_name() -> None:
    keys = {Task(fn=internals.keyed_by(question, name).fn).task_key for name in ("a", "b")} | {
        Task(fn=question.fn).task_key
    }
    assert len(keys) == 3, differs(
        f"task keys {keys} do not come from `__qualname__`.", "a resumed cutover re-attaches the wrong sub-flow run."
    )
    assert question.fn.__qualname__ == "question", "the flow itself stays as it was"


@needs_server
def test_a_resumed_run_re_attaches_its_sub_flow_run_whatever_was_called_before() -> None:
    calls: list[str] = []

    @flow
    def other() -> None:
        calls.append("other")

    def asks() -> str:
        if not calls:
            internals.keyed_by(other, "once only")()
        return internals.keyed_by(question, "who")()

    root = RootRun(asks)
    root.go_on()
    before = [run.id for run in root.sub_flow_runs()]
    assert answer(before[1], name="anna") == SetStateStatus.ACCEPT
    with get_client(sync_client=True) as client:
        client.resume_flow_run(root.id)
    assert root.go_on() == "anna after 1", differs("the sub-flow has lost its run.", "answers are lost.")
    assert [run.id for run in root.sub_flow_runs()] == before, differs(
        "a resumed run makes its sub-flow run anew.", "every wake asks the same question again."
    )


@pytest.mark.parametrize("signal", [Pause, Abort])
def test_the_signals_are_no_exceptions(signal: type[BaseException]) -> None:
    assert not issubclass(signal, Exception), differs(
        f"{signal.__name__} is an Exception.", "a stage's `except Exception` catches it, and acts on."
    )


@needs_server
def test_whoever_leaves_without_a_state_leaves_the_run_as_it_is() -> None:
    root = RootRun(lambda: internals.leave_without_state("another process has it"))
    assert isinstance(root.go_on(), Abort)
    assert read(root.id).state_type == StateType.RUNNING, differs(
        "a run that is left by Abort gets a state.", "a fenced process fails the run that another process has."
    )


@needs_server
def test_the_contexts_copy_of_a_run_has_the_state_that_it_began_with() -> None:
    states: list[bool] = []

    def compares() -> None:
        run = internals.current_flow_run()
        assert run is not None and run.state is not None
        states.append(cast(Any, read(run.id).state).id == run.state.id)

    RootRun(compares).go_on()
    assert states == [True], differs("a run's own state is not the server's.", "fencing stops every cutover.")
    assert internals.current_flow_run() is None, differs("there is a run outside a flow.", "the stored plan.")


def test_flows_without_heartbeat_have_none_and_keep_all_other_settings() -> None:
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 60}):
        outer = get_current_settings()
        assert FlowRunEngine(flow=question).heartbeat_seconds == 60
        with internals.without_heartbeat():
            inner = get_current_settings()
            assert FlowRunEngine(flow=question).heartbeat_seconds is None, differs(
                "the engine does not read this setting from its context.", "each gate and wait ends a second later."
            )
            assert inner.model_dump(exclude={"flows"}) == outer.model_dump(exclude={"flows"})
        assert get_current_settings() == outer


# --- pausing with a form -------------------------------------------------------------------------------------------


@needs_server
def test_a_paused_sub_flow_shows_a_form_takes_an_answer_and_goes_on() -> None:
    root, asked = parked()
    fails = "no gate can be answered."
    assert (asked.state_type, read(root.id).state_name) == (StateType.PAUSED, "Suspended"), differs(
        "leaving by Pause changes the states.", "a parked cutover is taken for crashed."
    )
    assert asked.state is not None and asked.state.message == "who?"
    assert internals.has_form(asked), differs("a form that is saved after its Paused state is not there.", fails)
    assert answer(asked.id, nonsense="x") == SetStateStatus.REJECT, differs("a wrong answer is taken.", "gates.")
    assert answer(asked.id, name="anna") == SetStateStatus.ACCEPT, differs("a right answer is not taken.", fails)
    assert read(asked.id).state_type == StateType.RUNNING, differs(
        "an answered sub-flow is not Running.", "the watch wakes no cutover whose question was answered in the UI."
    )
    assert internals.read_answer(asked.id, 1) == {"name": "anna"}, differs("the answer is kept elsewhere.", fails)
    with get_client(sync_client=True) as client:
        client.resume_flow_run(root.id)
    assert read(root.id).state_type == StateType.SCHEDULED, differs(
        "a resumed run is not scheduled.", "no worker takes it."
    )
    assert root.go_on() == "anna after 1"


@needs_server
def test_a_pause_key_counts_once_and_shows_in_the_run() -> None:
    keys: list[set[str]] = []

    @flow
    def twice() -> None:
        for _ in range(2):
            with get_client(sync_client=True) as client:
                state = internals.pause_with_form(client, own_id(), 1, Form, "who?")
                keys.append(internals.used_pause_keys(client.read_flow_run(own_id())))
                assert state.is_paused() == (len(keys) == 1), differs(
                    "a pause key counts twice.", "a question is asked under the key of an older answer."
                )
                if state.is_paused():
                    client.resume_flow_run(own_id(), run_input={"name": "anna"})

    twice()
    assert keys == [{"1"}, {"1"}], differs(f"pause keys are {keys}.", "`times_parked`: old answers count as new ones.")


@needs_server
def test_a_question_without_a_form_is_known_and_is_asked_anew_by_a_resumed_run() -> None:
    """Its process was killed between the Paused state and the form."""
    killed: list[bool] = []

    def without_form(number: int) -> None:
        with get_client(sync_client=True) as client:
            state = Paused(reschedule=False, pause_key=str(number))
            state.state_details.run_input_keyset = dict(internals.form_keys(number))  # type: ignore[arg-type]
            client.set_flow_run_state(own_id(), state)
        killed.append(True)
        internals.leave_paused(state)

    @flow
    def asks_once_without() -> str:
        return cast(str, without_form(1)) if not killed else question.fn()

    root = RootRun(lambda: internals.keyed_by(asks_once_without, "who")())
    root.go_on()
    (asked,) = root.sub_flow_runs()
    assert not internals.has_form(asked)
    assert answer(asked.id, name="anna") == SetStateStatus.REJECT, differs(
        "a question without a form is answered.", "nothing; `has_form` can go."
    )
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(root.id, Crashed(), force=True)
        client.set_flow_run_state(root.id, AwaitingRetry(), force=True)
    assert isinstance(root.go_on(), Pause)
    (again,) = root.sub_flow_runs()
    assert (again.id, internals.used_pause_keys(again)) == (asked.id, {"1", "2"}), differs(
        "a restarted run does not take its paused sub-flow up.", "a kill at the wrong moment: a question for ever."
    )
    assert internals.has_form(again)


@needs_server
def test_prefect_itself_suspends_no_sub_flow() -> None:
    """When this fails, that is good news: `pause_with_form` can go, and Prefect's own `suspend_flow_run` be used."""
    refused: list[bool] = []

    @flow
    def tries() -> None:
        try:
            suspend_flow_run()
        except RuntimeError:
            refused.append(True)

    RootRun(lambda: tries()).go_on()
    assert refused, differs("it suspends sub-flows.", "nothing; `pause_with_form` can go.")


# --- signs of life -------------------------------------------------------------------------------------------------


@needs_server
def test_a_running_flow_sends_heartbeats_of_this_name_about_this_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[dict[str, Any]] = []
    monkeypatch.setattr("prefect.flow_engine.emit_event", lambda **event: events.append(event))
    runs: list[UUID] = []

    def lives() -> None:
        runs.append(own_id())
        deadline = time.monotonic() + 20
        while not events and time.monotonic() < deadline:
            time.sleep(0.05)

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}):
        assert internals.heartbeat_seconds() == FlowRunEngine(flow=question).heartbeat_seconds, differs(
            "its shortest heartbeat is another one.", "zombie detection calls living runs crashed."
        )
        RootRun(lives).go_on()
    sent = [(event["event"], event["resource"]["prefect.resource.id"]) for event in events]
    assert sent[:1] == [(internals.HEARTBEAT_EVENT, internals.resource_of(runs[0]))], differs(
        f"heartbeats are {sent}.", "zombie detection never sees one, and restarts no cutover after a power cut."
    )


def request() -> httpx.Request:
    return httpx.Request("GET", "http://prefect.test/api")


def http_error(status: int) -> PrefectHTTPStatusError:
    response = httpx.Response(status, request=request())
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        return PrefectHTTPStatusError.from_httpx_error(error)
    raise AssertionError


@needs_server
@pytest.mark.parametrize(
    ("error", "away"),
    [
        (httpx.ConnectError("All connection attempts failed", request=request()), True),
        (httpx.ReadTimeout("", request=request()), True),
        (httpx.RemoteProtocolError("Server disconnected", request=request()), True),
        (http_error(503), True),
        (http_error(404), False),
        (ValueError("ConnectError: it only sounds like it"), False),
    ],
    ids=repr,
)
def test_a_run_that_fails_because_the_server_is_away_says_so(error: Exception, away: bool) -> None:
    def fails() -> None:
        raise error

    root = RootRun(fails)
    with pytest.raises(type(error)):
        root.go_on()
    state = read(root.id).state
    assert state is not None and internals.server_was_away(state) is away, differs(
        f"{error!r} gives the message {state and state.message!r}.",
        "the watch does not restart a cutover that met a restart of its server, or restarts one that failed by itself.",
    )


# --- what Prefect stores -------------------------------------------------------------------------------------------


@needs_server
async def test_a_block_chosen_in_a_form_is_a_reference_by_id() -> None:
    from prefect.blocks.system import Secret
    from prefect.utilities.templating import resolve_block_document_references

    saved = await Secret(value="x").save(f"contract-{uuid4().hex[:8]}")  # type: ignore[misc]
    chosen = {"$ref": {"block_document_id": str(saved)}}
    assert internals.block_document_id(chosen) == str(saved)
    assert internals.block_document_id({"$ref": "#/definitions/Plan"}) is None
    block = await resolve_block_document_references({"dns": chosen}, value_transformer=lambda _, value: value)
    assert block["dns"] != chosen, differs(
        "it resolves no such reference.", "a plan from the form: its blocks get no names, and cannot be read later."
    )


@needs_server
def test_a_table_comes_back_as_it_was_written() -> None:
    key, rows = f"contract-{uuid4().hex[:8]}", [{"number": 1, "text": '"quoted"'}]
    with get_client(sync_client=True) as client:
        client.create_artifact(ArtifactCreate(key=key, type="table", data=internals.json.dumps(rows)))
        (version,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        (newest,) = client.read_latest_artifacts(
            artifact_filter=ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[key]))
        )
    assert internals.rows_of_table(version.data) == internals.rows_of_table(newest.data) == rows, differs(
        f"a table comes back as {version.data!r} and {newest.data!r}.", "the ledger cannot be read."
    )


@needs_server
def test_a_running_flow_has_a_storage_for_files() -> None:
    storages: list[Any] = []
    RootRun(lambda: storages.append(internals.result_storage())).go_on()
    (storage,) = storages
    assert callable(getattr(storage, "write_path", None)) and storage.get_block_type_slug() == "local-file-system", (
        differs(f"its result storage is {storage!r}.", "the list of all items is not kept.")
    )


def test_the_page_of_a_run_is_in_the_ui() -> None:
    run = uuid4()
    with temporary_settings({PREFECT_UI_URL: "http://prefect.test"}):
        page = internals.page_in_ui(run)
    assert page and page.startswith("http://prefect.test/") and str(run) in page, differs(
        f"a run's page is {page}.", "notifications name no page."
    )


# --- clients of a process ------------------------------------------------------------------------------------------


@needs_server
def test_one_client_is_one_client() -> None:
    def client() -> SyncPrefectClient:
        return get_client(sync_client=True)

    with internals.one_client():
        assert client() is client(), differs("every request makes a client.", "the demo and the box's tests are slow.")
    assert client() is not client()


@needs_server
def test_what_is_queued_is_sent_and_its_sender_ends() -> None:
    from prefect.events.worker import EventsWorker

    emit_event("mailmove.contract", resource={"prefect.resource.id": "mailmove.contract"})
    sender = EventsWorker.instance()
    internals.send_everything_queued()
    assert sender._stopped and EventsWorker.instance() is not sender, differs(
        "`drain_all` does not end the senders.", "events and logs of a second box go to the first one's address."
    )


# --- where Prefect's own processes start ---------------------------------------------------------------------------


def test_our_engine_is_prefects() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deployments.engine", "no-uuid"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert (done.returncode, "Invalid flow run id" in done.stderr) == (1, True), differs(
        f"`python -m prefect.engine` says {done.stderr[-300:]}", "deployments/engine.py: no flow run starts."
    )


def test_the_server_on_sqlite_is_started_and_changed_where_we_change_it() -> None:
    from prefect.server.database.configurations import AioSqliteConfiguration

    parameters = inspect.signature(AioSqliteConfiguration.begin_transaction).parameters
    assert list(parameters) == ["self", "session", "with_for_update"], differs(
        f"begin_transaction takes {list(parameters)}.", "deployments/server/sqlite_begin_immediate.py: no box starts."
    )
    assert callable(importlib.import_module("prefect.cli").app), differs("`prefect.cli` has no app.", "no box starts.")


def test_every_setting_of_the_box_is_prefects(tmp_path: Path) -> None:
    from prefect.settings.legacy import _get_settings_fields

    from deployments.server.box import Box

    box = Box(tmp_path)
    named = {name for name in box.env if name.startswith("PREFECT_") and name not in internals.__dict__}
    unknown = named - set(_get_settings_fields(Settings)) - {"PREFECT_SERVER_ENCRYPTION_KEY"}
    assert not unknown, differs(f"it does not read {unknown}.", "the box: what waits costs more, or nothing starts.")
    leases = importlib.import_module(box.env["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"])
    assert hasattr(leases, "ConcurrencyLeaseStorage"), differs("its leases are elsewhere.", "the box does not start.")
