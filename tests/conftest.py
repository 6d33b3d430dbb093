"""What tests of all rooms share: one Prefect server for those that need it, started once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import settings
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_SERVICES_FOREMAN_ENABLED,
    PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED,
    PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
    get_current_settings,
    temporary_settings,
)
from prefect.states import Cancelled
from prefect.testing.utilities import prefect_test_harness

from deployments.engine import collect_garbage_seldom
from tasks.parking.resume import parked_runs

_HERE = Path(__file__).resolve().parent

collect_garbage_seldom()  # the labs are a large heap; going through it took a tenth of the time

settings.register_profile("any machine", deadline=None)  # how fast an example is depends on what else is running
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole cutovers take minutes: they go first, so that the other core has the rest to do meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("night") is None)


_QUIET = {
    PREFECT_SERVER_ANALYTICS_ENABLED: False,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    PREFECT_SERVER_SERVICES_FOREMAN_ENABLED: False,
    PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED: False,
    PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED: False,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,
}
"""It reports to nobody, and flows end at once (a heartbeat takes a second to stop). It has no workers, schedules or
automations, so nobody looks after them every few seconds."""


def _as_on_the_box(self: SubprocessASGIServer) -> subprocess.Popen[bytes]:
    """As Prefect's own, which starts its server as it is."""
    wanted = ["--factory", "server_on_sqlite:server", "--host", "127.0.0.1", "--port", str(self.port)]
    return subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--app-dir", str(_HERE), "--log-level", "error", *wanted],
        cwd=_HERE.parent,
        env={
            **os.environ,
            "PYTHONPATH": str(_HERE.parent),
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
            **get_current_settings().to_environment_variables(exclude_unset=True),
        },
    )


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect API of this test session only, on a database of its own."""
    roots = tmp_path_factory.mktemp("roots") / "one.pem"  # its clients speak no TLS, but read all roots: 30 ms for each
    trustme.CA().cert_pem.write_to_path(str(roots))
    quiet = {**_QUIET, PREFECT_API_SSL_CERT_FILE: str(roots)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SubprocessASGIServer, "_run_uvicorn_command", _as_on_the_box)
        with temporary_settings(quiet), prefect_test_harness(server_startup_timeout=120):
            yield


@pytest.fixture
def nothing_parked(prefect_server: None) -> None:
    """What earlier tests of this session left parked is closed: whoever reads all finds only this test's own."""
    with get_client(sync_client=True) as client:
        for question in parked_runs(StateType.PAUSED, StateType.RUNNING, StateType.CANCELLING):
            client.set_flow_run_state(question.run.id, Cancelled(message="left by another test"), force=True)
