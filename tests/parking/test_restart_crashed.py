"""A cutover that was cut short goes on, from where it was; one that is rolled back, replaced or old stays ended."""

from __future__ import annotations

import socket
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import TaskRunContext
from prefect.states import Crashed

from mailmove.clock import Clock, clock_set
from mailmove.plan.cutover import Cutover
from tasks.engine.run_ends import MOST_RESTARTS
from tasks.parking.restart_crashed import cutovers_to_restart, restart
from tasks.progress.rollback_stage import end_cutovers

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


def crashed_cutover() -> CutoverRun:
    cutover = CutoverRun(dies_once, new_plan())
    with pytest.raises(KeyboardInterrupt):
        cutover.go_on()
    assert cutover.state == "Crashed"
    return cutover


def ours(cutover: CutoverRun) -> list[FlowRun]:
    return [run for run in cutovers_to_restart() if run.id == cutover.id]


def test_it_goes_on_and_does_nothing_again(prefect_server: None) -> None:
    cutover = crashed_cutover()
    (run,) = ours(cutover)
    assert restart(run)
    assert cutover.state == "AwaitingRetry"
    assert restart(run) is None, "a second watch finds nothing to do"
    assert cutover.go_on() == "done"
    assert DONE[cutover.plan.customer] == 1
    assert ours(cutover) == []


def test_one_that_finds_the_server_away_goes_on(prefect_server: None) -> None:
    cutover = CutoverRun(loses_the_server_once, new_plan())
    with pytest.raises(httpx.ConnectError):
        cutover.go_on()
    assert cutover.state == "Failed", "Prefect's client gives up at once where it has not connected before"
    (run,) = ours(cutover)
    assert restart(run)
    assert cutover.go_on() == "done"
    assert DONE[cutover.plan.customer] == 1


def test_one_that_fails_by_itself_stays_failed(prefect_server: None) -> None:
    cutover = CutoverRun(fails, new_plan())
    with pytest.raises(ValueError, match="ConnectError"):
        cutover.go_on()
    assert (cutover.state, ours(cutover)) == ("Failed", [])


def test_a_cutover_that_is_rolled_back_stays_ended(prefect_server: None) -> None:
    cutover = crashed_cutover()
    end_cutovers(cutover.plan, [cutover.id])
    assert cutover.state == "Cancelled"
    assert ours(cutover) == []


def test_one_that_was_started_anew_or_crashed_long_ago_stays_ended(prefect_server: None) -> None:
    cutover = crashed_cutover()
    with clock_set(Clock(ahead=timedelta(days=2))):
        assert ours(cutover) == []
    assert len(ours(cutover)) == 1
    CutoverRun(dies_once, cutover.plan)
    assert ours(cutover) == []


def test_one_that_crashes_again_and_again_stays_ended(prefect_server: None) -> None:
    cutover = crashed_cutover()
    (run,) = ours(cutover)
    with get_client(sync_client=True) as client:
        for _ in range(MOST_RESTARTS):
            client.set_flow_run_state(cutover.id, Crashed(message=uuid4().hex), force=True)
    assert restart(run) is None
    assert cutover.state == "Crashed"
