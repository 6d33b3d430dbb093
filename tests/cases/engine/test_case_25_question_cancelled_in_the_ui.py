"""Cancel or Delete on a parked question, Cancel on its cutover, in the UI: the board says the way on, and it goes.

Source: PrefectHQ/prefect 12582 (runs without infrastructure stay Cancelling), 7807, 8194, 8972, 10869, 12864. The table
of every run and every button stands in tests/parking/test_buttons.py.
"""

from __future__ import annotations

import pytest
from parking.buttons import press
from parking.parked_world import CutoverRun, new_plan
from prefect import flow

from flows.gate import gate
from flows.watch import watch
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.parking.forms import GATE_FLOW, PARKED
from tasks.parking.resume import resume
from tasks.parking.start_again import start_again
from tasks.reporting.status import CutoverStatus, board

pytestmark = [pytest.mark.usefixtures("nothing_parked"), pytest.mark.timeout(240)]


@flow(name="cutover", persist_result=True, result_serializer="json")
def of_one_gate(plan: Cutover) -> str:
    preview = Preview(stage="switch_mail")
    engine().run_sub_flow(gate, "switch_mail", plan, "switch_mail", preview, tags=[PARKED, GATE_FLOW])
    return "switched"


@pytest.fixture
def parked() -> CutoverRun:
    run = CutoverRun(of_one_gate, new_plan())
    assert run.go_on() is None
    return run


def on_board(run: CutoverRun) -> CutoverStatus:
    return next(status for status in board() if status.customer == run.plan.customer)


def approve(run: CutoverRun) -> None:
    """Somebody answers the question that is open now; then it is over."""
    assert (on_board(run).parked, on_board(run).needs) == ("gate: switch_mail", True)
    resume(run.parked(), {"approve": True, "name": "anna", "reason": "go"})
    assert (run.go_on(), run.state) == ("switched", "Completed")


@pytest.mark.parametrize("button", ["Cancel", "Delete"])
def test_a_question_that_was_cancelled_or_deleted_is_asked_anew(parked: CutoverRun, button: str) -> None:
    press(button, parked.parked().run.id)
    assert "it is asked anew by itself" in on_board(parked).question
    watch(stay_seconds=0)
    assert parked.state == "Resuming", "the watch has brought it on"
    assert parked.go_on() is None
    approve(parked)


def test_who_resumes_the_cutover_before_the_watch_comes_by_is_asked_anew_too(parked: CutoverRun) -> None:
    press("Cancel", parked.parked().run.id)
    press("Resume", parked.id)
    assert parked.go_on() is None, "no exception: it was `UnfinishedRun`, and the cutover Failed"
    watch(stay_seconds=0)
    assert parked.go_on() is None
    approve(parked)


def test_a_cutover_that_was_cancelled_is_cancelled_and_can_be_started_again(parked: CutoverRun) -> None:
    press("Cancel", parked.id)
    status = on_board(parked)
    assert (status.state, status.parked, status.needs) == ("Cancelled", None, False), "its question is still Paused"
    assert "mailmove restart" in status.way_on and "mailmove rollback" in status.way_on
    watch(stay_seconds=0)
    start_again(parked.plan.customer)
    assert parked.go_on() is None
    approve(parked)
