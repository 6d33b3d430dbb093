"""Where every cutover is: in a number of requests that does not grow with the customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from parked_world import CutoverRun as Run
from parked_world import new_plan
from prefect import flow, tags
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Failed, Scheduled
from tasks.engine.prefect_engine import known_as
from tasks.parking.forms import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW

from flows.gate import gate
from flows.trouble import trouble
from flows.wait import wait
from mailmove.evidence import PollResult, Preview, now
from mailmove.plan.cutover import Cutover
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Entry, Kind, Ledger
from tasks.parking.poll import keep_result
from tasks.parking.resume import resume
from tasks.reporting.status import CutoverRun, _behind, board
from tasks.runbook import RUNBOOK

pytestmark = pytest.mark.usefixtures("nothing_parked")
NAMES = [step.name for step in RUNBOOK]


@flow(name="cutover", persist_result=True, result_serializer="json")
def at_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return known_as(gate, "switch_mail")(plan, "switch_mail", Preview(stage="switch_mail"))


@flow(name="cutover", persist_result=True, result_serializer="json")
def at_trouble(plan: Cutover) -> str:
    with tags(PARKED, TROUBLE_FLOW):
        return known_as(trouble, "reconcile_items")(plan, "reconcile_items", "an item is missing")


@flow(name="cutover", persist_result=True, result_serializer="json")
def at_a_wait(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return str(known_as(wait, "old_ttl")(plan, "old_ttl"))


def parked(kind: Any, **gates: Any) -> Run:
    run = Run(kind, new_plan(**gates))
    assert run.go_on() is None
    return run


def on_board(run: Run) -> CutoverRun:
    (cutover,) = [cutover for cutover in board() if cutover.customer == run.plan.customer]
    return cutover


def test_a_gate_says_on_whom_it_waits_and_what_lies_behind_it() -> None:
    run = parked(at_a_gate, switch_mail={"approvers": ["anna", "approver/ben"]})
    cutover = on_board(run)
    assert (cutover.parked, cutover.on, cutover.needs) == ("gate: switch_mail", "anna or approver/ben", True)
    assert cutover.done == NAMES[: NAMES.index("switch_mail")]
    resume(run.parked(), {"approve": True, "name": "anna", "reason": ""})
    run.go_on()
    assert (on_board(run).done, on_board(run).ended) == (NAMES, True)


def test_trouble_is_what_goes_wrong_and_a_wait_has_a_forecast() -> None:
    troubled, waits = parked(at_trouble), parked(at_a_wait)
    assert "an item is missing" in on_board(troubled).wrong
    assert (on_board(troubled).needs, on_board(troubled).on) == (True, "a person")
    soon = now() + timedelta(minutes=5)
    keep_result(waits.parked().run.id, PollResult(done=False, summary="it runs out", forecast=soon))
    cutover = on_board(waits)
    assert (cutover.question, cutover.forecast, cutover.needs) == ("it runs out", soon, False)
    assert (cutover.on, cutover.done) == ("the world's resolvers", NAMES[: NAMES.index("old_ttl")])
    keep_result(waits.parked().run.id, PollResult(done=False, summary="still not", asks="Go on although?"))
    assert on_board(waits).needs
    assert on_board(waits).question == "Go on although? still not"


def test_one_that_runs_or_has_failed_is_placed_by_the_newest_line_of_its_ledger() -> None:
    run = Run(at_a_gate, new_plan())
    assert on_board(run).done == []
    ledger = Ledger(run.plan.customer, run.id)
    ledger.record(EntryKind.EVIDENCE, "license_mailboxes", facts=["all there"])
    assert on_board(run).done == NAMES[: NAMES.index("license_mailboxes") + 1]
    ledger.record(EntryKind.INTENT, "switch_mail")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Failed(message="the worker is gone"), force=True)
    cutover = on_board(run)
    assert (cutover.done, cutover.wrong) == (NAMES[: NAMES.index("switch_mail")], "the worker is gone")
    ledger.record(EntryKind.ROLLED_BACK, "lower_ttl")
    assert on_board(run).done == []


def test_one_that_is_to_come_says_when_and_a_customer_is_there_once() -> None:
    plan = new_plan()
    first, second = Run(at_a_gate, plan), Run(at_a_gate, plan)
    start = now() + timedelta(hours=2)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(first.id, Cancelled(), force=True)
        client.set_flow_run_state(second.id, Scheduled(scheduled_time=start), force=True)
    cutover = on_board(second)
    assert (cutover.cutover, cutover.state, cutover.forecast) == (second.id, "Scheduled", start)


def test_more_customers_are_not_more_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = PrefectHttpxSyncClient.send

    def counted(self: Any, request: Any, *words: Any, **more: Any) -> Any:
        asked.append(str(request.url.path))
        return real(self, request, *words, **more)

    monkeypatch.setattr(PrefectHttpxSyncClient, "send", counted)

    def requests_of_a_look() -> int:
        asked.clear()
        board()
        return len(asked)

    parked(at_a_gate)
    parked(at_a_wait)
    few = requests_of_a_look()
    for _ in range(3):
        parked(at_a_gate)
        parked(at_a_wait)
    assert len([cutover for cutover in board() if cutover.parked]) >= 8
    assert requests_of_a_look() == few


@pytest.mark.parametrize(
    ("kind", "stage", "last"),
    [
        ("intent", "switch_mail", "probe_before"),
        ("receipt", "switch_mail", "probe_before"),
        ("evidence", "switch_mail", "switch_mail"),
        ("passed", "reconcile_items", "reconcile_items"),
        ("evidence", "proof: asked for a sync", "quiet"),
        ("evidence", "final_sweep: copied", "probe_after_switch"),
    ],
)
def test_what_lies_before_the_step_of_the_last_line_is_done(kind: Kind, stage: str, last: str) -> None:
    run = Mock(state=Mock(type=StateType.RUNNING))
    assert _behind(run, None, Entry(cutover=uuid4(), kind=kind, stage=stage))[-1] == last
