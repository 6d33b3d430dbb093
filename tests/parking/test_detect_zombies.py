"""Who has beaten and fallen silent by every sign is a zombie; whoever gives one sign of life is not touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import State, StateType
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from mailmove.clock import Clock, clock_set
from mailmove.plan.cutover import Cutover
from tasks.parking.detect_zombies import _last_beat, mark_crashed, zombie_cutovers
from tasks.parking.restart_crashed import cutovers_to_restart

pytestmark = pytest.mark.timeout(240)


@flow(name="cutover")
def never_ends(plan: Cutover) -> str:
    return "done"


@pytest.fixture(autouse=True)
def beats_and_time(prefect_server: None) -> Iterator[None]:
    """Five minutes later: three beats of a minute have been missed."""
    beats = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 60})
    with beats, clock_set(Clock(ahead=timedelta(minutes=5))):
        yield


@pytest.fixture(scope="module", autouse=True)
def somebody_beats(prefect_server: None) -> None:
    """Another run, whose heartbeat the server has of the time in which the cutover is silent."""
    beat(uuid4(), minutes=4)


def running() -> CutoverRun:
    cutover = CutoverRun(never_ends, new_plan())
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(cutover.id, State(type=StateType.RUNNING), force=True)
    return cutover


def beat(run: UUID, **late: float) -> None:
    """A heartbeat; returns when the server shows it. late: how long after the real time, as `timedelta` takes it."""
    at = datetime.now(UTC) + timedelta(**late)
    event = {
        "occurred": at.isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
        "id": str(uuid4()),
    }
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event]).raise_for_status()
        deadline = time.monotonic() + 60
        while (shown := _last_beat(client, run)) is None or abs((shown - at).total_seconds()) > 0.01:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def is_silent(cutover: CutoverRun) -> bool:
    return cutover.id in {run.id for run in zombie_cutovers()}


def test_a_silent_one_is_marked_crashed_once_and_comes_to_be_restarted() -> None:
    cutover = running()
    assert not is_silent(cutover), "it never beat: perhaps it cannot"
    beat(cutover.id)
    (run,) = [run for run in zombie_cutovers() if run.id == cutover.id]
    assert mark_crashed(run)
    assert mark_crashed(run) is None
    assert cutover.state == "Crashed"
    assert cutover.id in {run.id for run in cutovers_to_restart()}
    assert not is_silent(cutover)


def test_one_heartbeat_is_a_sign_of_life() -> None:
    cutover = running()
    beat(cutover.id, minutes=3)
    assert not is_silent(cutover)


def test_a_line_in_the_log_is_a_sign_of_life() -> None:
    cutover = running()
    beat(cutover.id)
    assert is_silent(cutover)
    line = LogCreate(
        name="x",
        level=20,
        message="copying",
        timestamp=datetime.now(UTC) + timedelta(minutes=3),
        flow_run_id=cutover.id,
    )
    with get_client(sync_client=True) as client:
        client.create_logs([line])
    assert not is_silent(cutover)


def test_a_server_that_keeps_no_heartbeats_proves_nothing() -> None:
    cutover = running()
    beat(cutover.id)
    assert is_silent(cutover)
    with clock_set(Clock(ahead=timedelta(minutes=30))):
        assert not is_silent(cutover), "nobody's heartbeat is there"
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        assert not is_silent(cutover)
