"""A cutover that was cut short goes on, from where it was; one that is rolled back, replaced or old stays dead."""

from __future__ import annotations

import socket
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from parked_world import Night, new_plan
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.context import TaskRunContext
from prefect.states import Crashed

from mailmove.clock import now
from mailmove.plan.cutover import Cutover
from tasks.parking import restart_crashed as reviving
from tasks.parking.restart_crashed import MOST, revive, to_be_revived
from tasks.progress.rollback_stage import end_cutover

DONE: Counter[str] = Counter()


def once_per_run(context: TaskRunContext, _: object) -> str:
    return f"{context.task_run.flow_run_id}/{context.task.name}"


@task(persist_result=True, cache_key_fn=once_per_run)
def first(name: str) -> None:
    DONE[name] += 1


@flow(name="cutover")
def dies_once(plan: Cutover) -> str:
    first(plan.customer)
    DONE[f"{plan.customer} lives"] += 1
    if DONE[f"{plan.customer} lives"] == 1:
        raise KeyboardInterrupt  # what Prefect calls a crash
    return "done"


@flow(name="cutover")
def loses_the_server_once(plan: Cutover) -> str:
    first(plan.customer)
    DONE[f"{plan.customer} lives"] += 1
    if DONE[f"{plan.customer} lives"] == 1:
        with socket.socket() as nobody_there:
            nobody_there.bind(("127.0.0.1", 0))
            with SyncPrefectClient(f"http://127.0.0.1:{nobody_there.getsockname()[1]}/api") as client:
                client.read_flow_run(uuid4())
    return "done"


@flow(name="cutover")
def fails(plan: Cutover) -> str:
    raise ValueError("ConnectError: All connection attempts failed")  # only sounds like it


def dead_night() -> Night:
    night = Night(dies_once, new_plan())
    with pytest.raises(KeyboardInterrupt):
        night.go_on()
    assert night.state == "Crashed"
    return night


def ours(night: Night) -> list[object]:
    return [run for run in to_be_revived() if run.id == night.id]


def test_it_goes_on_and_does_nothing_again(prefect_server: None) -> None:
    night = dead_night()
    (run,) = ours(night)
    assert revive(run)
    assert night.state == "AwaitingRetry"
    assert revive(run) is None, "a second watch finds nothing to do"
    assert night.go_on() == "done"
    assert DONE[night.plan.customer] == 1
    assert ours(night) == []


def test_one_that_finds_the_server_away_goes_on(prefect_server: None) -> None:
    night = Night(loses_the_server_once, new_plan())
    with pytest.raises(httpx.ConnectError):
        night.go_on()
    assert night.state == "Failed", "Prefect's client gives up at once where it has not connected before"
    (run,) = ours(night)
    assert revive(run)
    assert night.go_on() == "done"
    assert DONE[night.plan.customer] == 1


def test_one_that_fails_by_itself_stays_failed(prefect_server: None) -> None:
    night = Night(fails, new_plan())
    with pytest.raises(ValueError, match="ConnectError"):
        night.go_on()
    assert (night.state, ours(night)) == ("Failed", [])


def test_a_cutover_that_is_rolled_back_stays_dead(prefect_server: None) -> None:
    night = dead_night()
    end_cutover(night.plan, night.id)
    assert night.state == "Cancelled"
    assert ours(night) == []


def test_one_that_was_started_anew_or_died_long_ago_stays_dead(
    prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = dead_night()
    with monkeypatch.context() as later:
        later.setattr(reviving, "now", lambda: now() + timedelta(days=2))
        assert ours(night) == []
    assert len(ours(night)) == 1
    Night(dies_once, night.plan)
    assert ours(night) == []


def test_one_that_dies_again_and_again_stays_dead(prefect_server: None) -> None:
    night = dead_night()
    (run,) = ours(night)
    with get_client(sync_client=True) as client:
        for _ in range(MOST):
            client.set_flow_run_state(night.id, Crashed(message=uuid4().hex), force=True)
    assert revive(run) is None
    assert night.state == "Crashed"
