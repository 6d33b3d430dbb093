"""Where every cutover is: in a number of requests that does not grow with the customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow, tags
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Failed, Scheduled

from flows.gate import gate
from flows.trouble import trouble
from flows.wait import wait
from mailmove.clock import now
from mailmove.evidence import PollResult, Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_internals import keyed_by
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Topic
from tasks.parking.forms import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.poll import keep_result
from tasks.parking.resume import resume
from tasks.reporting.status import CutoverStatus, _completed, board
from tasks.runbook import RUNBOOK

pytestmark = pytest.mark.usefixtures("nothing_parked")
NAMES = [step.name for step in RUNBOOK]


@flow(name="cutover", persist_result=True, result_serializer="json")
def at_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", Preview(stage="switch_mail"))


@flow(name="cutover", persist_result=True, result_serializer="json")
def at_trouble(plan: Cutover) -> str:
    with tags(PARKED, TROUBLE_FLOW):
        return keyed_by(trouble, "reconcile_items")(plan, "reconcile_items", "an item is missing")


@flow(name="cutover", persist_result=True, result_serializer="json")
def at_a_wait(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return str(keyed_by(wait, "old_ttl")(plan, "old_ttl"))


def parked(kind: Any, **gates: Any) -> CutoverRun:
    run = CutoverRun(kind, new_plan(**gates))
    assert run.go_on() is None
    return run


def on_board(run: CutoverRun) -> CutoverStatus:
    (status,) = [status for status in board() if status.customer == run.plan.customer]
    return status


def test_a_gate_says_on_whom_it_waits_and_what_is_completed() -> None:
    run = parked(at_a_gate, switch_mail={"approvers": ["anna", "approver/ben"]})
    status = on_board(run)
    assert (status.parked, status.on, status.needs) == ("gate: switch_mail", "anna or approver/ben", True)
    assert status.done == NAMES[: NAMES.index("switch_mail")]
    resume(run.parked(), {"approve": True, "name": "anna", "reason": ""})
    run.go_on()
    assert (on_board(run).done, on_board(run).ended) == (NAMES, True)


def test_trouble_is_what_goes_wrong_and_a_wait_has_a_forecast() -> None:
    troubled, waits = parked(at_trouble), parked(at_a_wait)
    assert "an item is missing" in on_board(troubled).wrong
    assert (on_board(troubled).needs, on_board(troubled).on) == (True, "a person")
    soon = now() + timedelta(minutes=5)
    keep_result(waits.parked().run.id, PollResult(done=False, summary="it runs out", forecast=soon))
    status = on_board(waits)
    assert (status.question, status.forecast, status.needs) == ("it runs out", soon, False)
    assert (status.on, status.done) == ("the world's resolvers", NAMES[: NAMES.index("old_ttl")])
    keep_result(waits.parked().run.id, PollResult(done=False, summary="still not", asks="Go on although?"))
    assert on_board(waits).needs
    assert on_board(waits).question == "Go on although? still not"


def test_one_that_runs_or_has_failed_is_placed_by_the_newest_line_of_its_ledger() -> None:
    run = CutoverRun(at_a_gate, new_plan())
    assert on_board(run).done == []
    ledger = Ledger(run.plan.customer, run.id)
    ledger.record(EntryKind.EVIDENCE, "license_mailboxes", facts=["all there"])
    assert on_board(run).done == NAMES[: NAMES.index("license_mailboxes") + 1]
    ledger.record(EntryKind.INTENT, "switch_mail")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Failed(message="the worker is gone"), force=True)
    status = on_board(run)
    assert (status.done, status.wrong) == (NAMES[: NAMES.index("switch_mail")], "the worker is gone")
    ledger.record(EntryKind.ROLLED_BACK, "lower_ttl")
    assert on_board(run).done == []


def test_one_that_is_to_come_says_when_and_a_customer_is_there_once() -> None:
    plan = new_plan()
    first, second = CutoverRun(at_a_gate, plan), CutoverRun(at_a_gate, plan)
    start = now() + timedelta(hours=2)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(first.id, Cancelled(), force=True)
        client.set_flow_run_state(second.id, Scheduled(scheduled_time=start), force=True)
    status = on_board(second)
    assert (status.cutover, status.state, status.forecast) == (second.id, "Scheduled", start)


def test_more_customers_are_not_more_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = PrefectHttpxSyncClient.send

    def counted(self: Any, request: Any, *words: Any, **more: Any) -> Any:
        asked.append(str(request.url.path))
        return real(self, request, *words, **more)

    monkeypatch.setattr(PrefectHttpxSyncClient, "send", counted)

    def requests_of_a_board() -> int:
        asked.clear()
        board()
        return len(asked)

    parked(at_a_gate)
    parked(at_a_wait)
    few = requests_of_a_board()
    for _ in range(3):
        parked(at_a_gate)
        parked(at_a_wait)
    assert len([status for status in board() if status.parked]) >= 8
    assert requests_of_a_board() == few


@pytest.mark.parametrize(
    ("kind", "topic", "stage", "last"),
    [
        (EntryKind.INTENT, Topic.STAGE, "switch_mail", "probe_before"),
        (EntryKind.RECEIPT, Topic.STAGE, "switch_mail", "probe_before"),
        (EntryKind.EVIDENCE, Topic.STAGE, "switch_mail", "switch_mail"),
        (EntryKind.EVIDENCE, Topic.WAIT, "propagation", "propagation"),
        (EntryKind.EVIDENCE, Topic.RECONCILIATION, "reconcile_items", "reconcile_items"),
        (EntryKind.COMPLETED, Topic.STAGE, "reconcile_items", "reconcile_items"),
        (EntryKind.EVIDENCE, Topic.SYNC_REQUEST, "reconcile_items", "quiet"),
        (EntryKind.EVIDENCE, Topic.MAILBOX_COPY, "final_sweep", "probe_after_switch"),
    ],
)
def test_what_lies_before_the_step_of_the_last_line_is_completed(
    kind: EntryKind, topic: Topic, stage: str, last: str
) -> None:
    run = Mock(state=Mock(type=StateType.RUNNING))
    assert _completed(run, None, Entry(cutover=uuid4(), kind=kind, topic=topic, stage=stage))[-1] == last
