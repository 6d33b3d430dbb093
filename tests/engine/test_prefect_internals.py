"""The contract with Prefect's inside: one test for each thing that `tasks/engine/prefect_internals.py` relies on.

`make test` runs them on the locked Prefect, `make prefect-oldest` on the oldest that is supported. Each
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
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterKey,
)
from prefect.events import emit_event
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_engine import FlowRunEngine
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_UI_URL,
    Settings,
    temporary_settings,
)
from runs_by_hand import RootRun, differs, needs_server, own_id, question, read

from tasks.engine import prefect_internals as internals

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(240)  # the first one starts the server


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
    "deployments/server/sqlite_begin_immediate.py": ("prefect.server.database.configurations.",),
    "deployments/server/api_server.py": ("prefect.server.api.server.create_app",),
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
    create_app = importlib.import_module("prefect.server.api.server").create_app
    assert {"final", "webserver_only"} <= set(inspect.signature(create_app).parameters), differs(
        "`create_app` takes other arguments.", "deployments/server/api_server.py: no box starts."
    )


def test_every_setting_of_the_box_is_prefects(tmp_path: Path) -> None:
    from prefect.settings.legacy import _get_settings_fields

    from deployments.server.box import Box

    box = Box(tmp_path)
    given = {**box.env, **box.server_settings}
    named = {name for name in given if name.startswith("PREFECT_") and name not in internals.__dict__}
    unknown = named - set(_get_settings_fields(Settings)) - {"PREFECT_SERVER_ENCRYPTION_KEY"}
    assert not unknown, differs(f"it does not read {unknown}.", "the box: what waits costs more, or nothing starts.")
    leases = importlib.import_module(box.env["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"])
    assert hasattr(leases, "ConcurrencyLeaseStorage"), differs("its leases are elsewhere.", "the box does not start.")
