"""`mailmove answer` and `mailmove restart`: what they answer, what they refuse, and what the report then names."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from parking.parked_world import CutoverRun, PlayedStage, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Cancelled
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.output import NOTHING, WRONG
from flows.cutover import _until_done
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, verify_task
from tasks.ledger.ledger import own_ledger
from tasks.progress.completed_steps import step_completed
from tasks.progress.interruptions import interruptions
from tasks.reporting.collect import report_of_customer
from tasks.reporting.status import board
from tasks.runbook import step_replaced

pytestmark = [pytest.mark.usefixtures("nothing_parked"), pytest.mark.timeout(240)]
runner = CliRunner()
NAME = "restore_ttl"


@check_task
def check(context: Context) -> Preview:
    return Preview(stage=NAME)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    raise Blocked("Route 53", wanted="the old TTL", seen="AccessDenied", todo="Check the rights in the block.")


@verify_task
def verify(context: Context) -> Evidence:
    return Evidence(stage=NAME, facts=["so it is"])


VERBS = {"check": check, "apply": apply.with_options(retries=0), "verify": verify}
STAGE = PlayedStage(NAME, "give the MX record a sane TTL again", can_be_left=True, verbs=VERBS)


@flow(name="cutover", persist_result=True, result_serializer="json")
def cutover_of_one_stage(plan: Cutover) -> str:
    ledger = own_ledger(plan)
    _until_done(plan, STAGE, interruptions(ledger.entries())[NAME])
    step_completed(ledger, NAME)
    return "done"


@pytest.fixture
def troubled() -> Iterator[CutoverRun]:
    with step_replaced(STAGE):
        run = CutoverRun(cutover_of_one_stage, new_plan())
        assert run.go_on() is None
        yield run


def test_a_stage_that_cannot_be_mended_is_left_and_status_board_and_report_say_by_whom(troubled: CutoverRun) -> None:
    customer = troubled.plan.customer
    words = ["answer", customer, "--leave-out", "--name", "anna", "--reason", "we have lost the account"]
    nobody = runner.invoke(app, words[:3])
    assert (nobody.exit_code, "--name and --reason" in nobody.stderr) == (WRONG, True)
    done = runner.invoke(app, [*words, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["answer"]) == (0, "left out"), done.output
    assert troubled.go_on() == "done"
    line = "restore_ttl: left by decision of anna: we have lost the account"
    assert next(status.left for status in board() if status.customer == customer) == [line]
    shown = json.loads(runner.invoke(app, ["status", "--json"]).stdout)["cutovers"]
    assert [one["left"] for one in shown if one["customer"] == customer] == [[line]]
    report = report_of_customer(customer)
    step = report.step(NAME)
    assert step is not None and step.ended and step.left == "left by decision of anna: we have lost the account"
    assert [(left.stage, left.whole, left.by) for left in report.left_out] == [(NAME, True, "anna")]
    assert line in runner.invoke(app, ["report", customer]).stdout.replace("\n", "")


def test_trouble_is_tried_again_without_a_word_of_leaving(troubled: CutoverRun) -> None:
    customer = troubled.plan.customer
    done = runner.invoke(app, ["answer", customer, "--name", "ben"])
    assert (done.exit_code, "tried again" in done.stdout) == (0, True), done.output
    assert troubled.go_on() is None, "it is as it was"
    assert troubled.parked().flow == "trouble"


def test_what_is_not_parked_is_not_answered_and_what_runs_is_not_started_again(troubled: CutoverRun) -> None:
    assert runner.invoke(app, ["answer", "nobody"]).exit_code == NOTHING
    assert runner.invoke(app, ["restart", "nobody"]).exit_code == NOTHING
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(troubled.id, Cancelled(), force=True)
    done = runner.invoke(app, ["restart", troubled.plan.customer, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["was"]) == (0, "Cancelled"), done.output
    assert troubled.state == "AwaitingRetry"
    again = runner.invoke(app, ["restart", troubled.plan.customer])
    assert (again.exit_code, "AwaitingRetry" in again.stderr) == (NOTHING, True)
