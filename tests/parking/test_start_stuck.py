"""A run that a worker took and never started is taken again; one whose process lives is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import InfrastructurePending, Pending, Submitting

from mailmove.clock import Clock, clock_set
from mailmove.plan.cutover import Cutover
from tasks.parking.start_stuck import STARTING, start_stuck
from tasks.reporting.status import board

pytestmark = pytest.mark.usefixtures("nothing_parked")

LATER = timedelta(seconds=121)


@flow(name="cutover")
def cutover(plan: Cutover) -> str:
    return "done"


@flow(name="rollback")
def rollback(plan: Cutover) -> str:
    return "done"


def taken(state: State[None], kind: object = cutover) -> CutoverRun:
    run = CutoverRun(kind, new_plan())  # type: ignore[arg-type]
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Pending())
        if state.name != "Pending":
            client.set_flow_run_state(run.id, state)
    return run


@pytest.mark.parametrize("state", [Pending(), Submitting(), InfrastructurePending()], ids=lambda state: state.name)
@pytest.mark.parametrize("kind", [cutover, rollback], ids=lambda kind: kind.name)
def test_whoever_is_stuck_is_shown_and_taken_again(state: State[None], kind: object) -> None:
    run = taken(state, kind)
    start_stuck()
    assert run.state == state.name, "it may just be starting"
    with clock_set(Clock(ahead=LATER)):
        (status,) = [status for status in board() if status.customer == run.plan.customer]
        assert "no process has come of it" in status.question and not status.ended
        start_stuck()
    assert run.state == "Scheduled"
    assert run.go_on() == "done"


def test_after_ten_minutes_it_needs_a_person_who_sees_that_the_watch_runs() -> None:
    run = taken(Submitting())
    with clock_set(Clock(ahead=timedelta(minutes=11))):
        (status,) = [status for status in board() if status.customer == run.plan.customer]
    assert status.needs and "watch" in status.way_on


def test_it_is_tried_ever_more_seldom() -> None:
    run = taken(Pending())
    with get_client(sync_client=True) as client:
        for again in range(1, 4):
            with clock_set(Clock(ahead=STARTING * 2 ** (again - 1) - timedelta(seconds=20))):
                start_stuck()
                assert run.state == "Pending", "not yet"
            with clock_set(Clock(ahead=STARTING * 2 ** (again - 1) + timedelta(seconds=1))):
                start_stuck()
                assert run.state == "Scheduled"
            client.set_flow_run_state(run.id, Pending())


@pytest.fixture
def starting() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def test_a_process_that_is_slow_to_start_is_left_alone(starting: subprocess.Popen[bytes]) -> None:
    run = taken(Submitting())
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id)}
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment)
    try:
        with get_client(sync_client=True) as client, clock_set(Clock(ahead=LATER)):
            client.update_flow_run(run.id, infrastructure_pid=str(process.pid))
            start_stuck()
            assert run.state == "Submitting"
            client.update_flow_run(run.id, infrastructure_pid=str(starting.pid))  # the number has another owner by now
            start_stuck()
            assert run.state == "Scheduled"
    finally:
        process.kill()
        process.wait()
