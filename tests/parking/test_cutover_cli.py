"""The command line of the cutover: signed approvals, starts of many plans, the board."""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from fake_blocks import with_saved_blocks
from parked_world import CutoverRun, PlayedStage, mx_change, new_plan
from prefect import flow, tags
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from typer.testing import CliRunner

from deployments.cli import main as cli
from deployments.cli.board import TOKEN
from deployments.cli.main import app
from deployments.cli.output import IN_THE_WAY, NOTHING, WRONG
from deployments.cli.start_runs import staggered
from flows.cutover import cutover as cutover_flow
from flows.gate import gate
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_internals import keyed_by
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval
from tasks.parking.forms import GATE_FLOW, PARKED
from tasks.parking.gate_questions import asked_last, write_question
from tasks.progress.rollback_stage import end_cutovers
from tasks.runbook import step_replaced
from tasks.stages import switch_mail

pytestmark = pytest.mark.usefixtures("prefect_server")
runner = CliRunner()
PREVIEW = Preview(stage="switch_mail", changes=[mx_change("old\x1b[2J", "new")])


@flow(name="cutover", persist_result=True, result_serializer="json")
def cutover_with_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", PREVIEW)


@check_task
def check(context: Context) -> Preview:
    return PREVIEW


@pytest.fixture
def world_stands() -> Iterator[None]:
    verbs = {"check": check, "question": switch_mail.question}
    with step_replaced(PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=verbs)):
        yield


@contextmanager
def working(cutover: CutoverRun) -> Iterator[None]:
    """Within, a worker takes the cutover when it is resumed."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.3):
            if cutover.run.state_type == StateType.SCHEDULED:
                cutover.go_on()

    worker = threading.Thread(target=contextvars.copy_context().run, args=(work,))
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def test_anna_makes_a_key_signs_and_the_gate_opens(tmp_path: Path) -> None:
    name = f"anna-{uuid4().hex[:8]}"
    made = runner.invoke(app, ["new-approver", name, "--folder", str(tmp_path)], input="secret words\nsecret words\n")
    assert made.exit_code == 0, made.output
    key = tmp_path / f"{name}.pem"
    assert key.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    again = runner.invoke(app, ["new-approver", name, "--folder", str(tmp_path), "--plain"])
    assert (again.exit_code, "exists" in again.stderr) == (IN_THE_WAY, True)

    cutover = CutoverRun(cutover_with_a_gate, new_plan(switch_mail={"approvers": [f"approver/{name}"]}))
    cutover.go_on()
    words = ["approve", cutover.plan.customer, "--name", name, "--key", str(key)]
    wrong = runner.invoke(app, words, input="other words\n")
    assert (wrong.exit_code, "does not open" in wrong.stderr) == (IN_THE_WAY, True)
    printed = runner.invoke(app, [*words, "--print-code", "--json"], input="secret words\n")
    assert len(json.loads(printed.stdout)["code"]) == 86
    assert cutover.parked().key == "1", "nothing was answered"
    with working(cutover):
        done = runner.invoke(app, words, input="secret words\n")
    assert done.exit_code == 0, done.output
    assert "You sign:\nMX contoso.com.: `old [2J` -> `new`" in done.stderr
    ((_, approval),) = Ledger(cutover.plan.customer, cutover.id).payloads(Approval)
    assert approval.by == name and approval.proof


# --- what becomes of an answer -------------------------------------------------------------------------------------


def at_the_gate(**rule: Any) -> CutoverRun:
    cutover = CutoverRun(cutover_with_a_gate, new_plan(switch_mail=rule))
    cutover.go_on()
    return cutover


def approvals(cutover: CutoverRun) -> list[Approval]:
    return [approval for _, approval in Ledger(cutover.plan.customer, cutover.id).payloads(Approval)]


def approve(cutover: CutoverRun, *words: str) -> Any:
    """The command, while a worker takes the cutover that it resumes."""
    with working(cutover):
        return runner.invoke(app, ["approve", cutover.plan.customer, *words])


def test_an_answer_that_counts_ends_well_and_shows_what_it_answers() -> None:
    cutover = at_the_gate(approvers=["anna"])
    done = approve(cutover, "--gate", "switch_mail", "--name", "anna")
    assert (done.exit_code, [approval.by for approval in approvals(cutover)]) == (0, ["anna"]), done.output
    assert "Point the mail at Microsoft 365?" in done.stderr and "`old [2J` -> `new`" in done.stderr


def test_the_word_of_somebody_without_a_say_ends_with_1_and_the_reason() -> None:
    cutover = at_the_gate(approvers=["anna"])
    done = approve(cutover, "--name", "mallory")
    assert (done.exit_code, "mallory has no say here" in done.stderr) == (IN_THE_WAY, True), done.output
    assert approvals(cutover) == []


def test_a_late_yes_ends_with_1_and_the_reason(world_stands: None) -> None:
    cutover = at_the_gate(expires_minutes=5)
    asked = asked_last(cutover.parked().run.id)
    assert asked is not None
    write_question(asked.model_copy(update={"at": asked.at - timedelta(minutes=6)}))
    done = approve(cutover, "--name", "anna")
    assert (done.exit_code, "expired" in done.stderr, approvals(cutover)) == (IN_THE_WAY, True, []), done.output


def test_a_yes_that_is_not_signed_where_it_must_be_ends_with_1() -> None:
    cutover = at_the_gate(approvers=["approver/anna"])
    done = approve(cutover, "--name", "ben")
    assert (done.exit_code, approvals(cutover)) == (IN_THE_WAY, []), done.output


def test_another_gate_than_the_open_one_is_not_answered() -> None:
    cutover = at_the_gate()
    done = approve(cutover, "--gate", "close_smtp_port", "--name", "anna")
    assert (done.exit_code, "open: switch_mail" in done.stderr) == (NOTHING, True)
    assert cutover.parked().key == "1"


def test_a_no_counts_as_a_no() -> None:
    cutover = at_the_gate()
    done = approve(cutover, "--no", "--name", "anna", "--reason", "not tonight")
    assert (done.exit_code, "refused by anna" in done.stdout, approvals(cutover)) == (0, True, []), done.output


@pytest.mark.parametrize("rule", [{}, {"expires_minutes": 60}, {"approvers": ["the plan"]}], ids=str)
def test_the_plan_is_a_name_like_any_other(rule: dict[str, Any]) -> None:
    cutover = at_the_gate(**rule)
    done = approve(cutover, "--name", "the plan")
    assert done.exit_code == 0, done.output
    assert [(approval.by, approval.automatic) for approval in approvals(cutover)] == [("the plan", False)]


def test_the_plan_has_no_say_where_it_is_no_approver() -> None:
    cutover = at_the_gate(approvers=["anna"])
    done = approve(cutover, "--name", "the plan")
    assert (done.exit_code, "the plan has no say here" in done.stderr) == (IN_THE_WAY, True), done.output


def test_an_answer_that_nobody_takes_up_ends_with_1() -> None:
    cutover = at_the_gate()
    done = runner.invoke(app, ["approve", cutover.plan.customer, "--name", "anna", "--wait", "1"])
    assert (done.exit_code, "mailmove status" in done.stderr) == (IN_THE_WAY, True)


def test_commands_about_what_was_rolled_back_say_so() -> None:
    cutover = at_the_gate()
    end_cutovers(cutover.plan, [cutover.id], by="ben")
    for words in (["approve", "--name", "anna"], ["answer"], ["restart"]):
        done = runner.invoke(app, [words[0], cutover.plan.customer, *words[1:]])
        assert done.exit_code in (IN_THE_WAY, NOTHING), done.output
        assert "rolled back by ben" in done.stderr, (words, done.output)
    assert approvals(cutover) == []


def test_without_the_key_there_is_no_code(tmp_path: Path) -> None:
    cutover = CutoverRun(cutover_with_a_gate, new_plan(switch_mail={"approvers": ["approver/anna"]}))
    cutover.go_on()
    absent = str(tmp_path / "absent.pem")
    done = runner.invoke(app, ["approve", cutover.plan.customer, "--name", "anna", "--key", absent])
    assert (done.exit_code, "new-approver" in done.stderr) == (IN_THE_WAY, True)


# --- starts --------------------------------------------------------------------------------------------------------


def written(folder: Path, plan: Cutover) -> str:
    path = folder / f"{plan.customer}.yaml"
    path.write_text(plan.model_dump_json(), encoding="utf-8")  # YAML is a superset of JSON
    return str(path)


def scheduled(plans: list[Cutover]) -> dict[str, datetime]:
    """Customer -> when its cutover is to start."""
    customers = {plan.customer for plan in plans}
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(limit=200)
    by_customer = {run.parameters.get("plan", {}).get("customer"): run for run in runs}
    return {name: run.next_scheduled_start_time for name, run in by_customer.items() if name in customers}


def test_many_start_one_after_the_other_and_none_twice(tmp_path: Path) -> None:
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow(cutover_flow), name="cutover")
    plans = [with_saved_blocks(new_plan()) for _ in range(3)]
    files = [written(tmp_path, plan) for plan in plans]
    at = datetime.now().astimezone().replace(microsecond=0) + timedelta(hours=3)
    done = runner.invoke(app, ["start", *files, "--at", at.isoformat(), "--stagger", "10", "--json"])
    assert done.exit_code == 0, done.output
    assert [started["customer"] for started in json.loads(done.stdout)["started"]] == [plan.customer for plan in plans]
    times = scheduled(plans)
    assert [times[plan.customer] - at for plan in plans] == [timedelta(minutes=10 * place) for place in range(3)]
    again = runner.invoke(app, ["start", written(tmp_path, new_plan()), files[0]])
    assert again.exit_code == IN_THE_WAY
    assert f"{plans[0].customer}: its cutover is not over (Scheduled)" in again.stderr
    assert "Nothing was started" in again.stderr


def test_blocks_that_are_not_there_are_all_named_and_nothing_is_started(tmp_path: Path) -> None:
    plan = new_plan()
    done = runner.invoke(app, ["start", written(tmp_path, plan)])
    assert done.exit_code == IN_THE_WAY
    for block in ("exchange-server/contoso", "microsoft365/contoso", "route53/contoso", "aws-security-group/contoso"):
        assert f"mailmove block add {block}" in done.stderr
    assert scheduled([plan]) == {}


def test_one_plan_with_a_fault_stops_all(tmp_path: Path) -> None:
    good, bad = new_plan(), tmp_path / "bad.yaml"
    bad.write_text("customer: NOT VALID\n", encoding="utf-8")
    file = written(tmp_path, good)
    done = runner.invoke(app, ["start", file, str(bad), str(tmp_path / "absent.yaml"), file])
    assert done.exit_code == WRONG
    for words in ("customer: ", "absent.yaml", f"{good.customer}: two plans are of this customer"):
        assert words in done.stderr
    assert scheduled([good]) == {}


def test_staggered_times() -> None:
    at = datetime(2026, 11, 26, 22).astimezone()
    assert staggered(None, 0, 2) == [None, None]
    assert staggered(at, 0, 2) == [at, at]
    assert staggered(at, 5, 3) == [at, at + timedelta(minutes=5), at + timedelta(minutes=10)]
    first, second = staggered(None, 5, 2)
    assert first is not None and second is not None and second - first == timedelta(minutes=5)


# --- the board -----------------------------------------------------------------------------------------------------


def test_the_board_is_shown_once_or_as_json() -> None:
    cutover = CutoverRun(cutover_with_a_gate, new_plan(switch_mail={"approvers": ["anna"]}))
    cutover.go_on()
    shown_of = {
        status["customer"]: status for status in json.loads(runner.invoke(app, ["board", "--json"]).stdout)["cutovers"]
    }
    assert shown_of[cutover.plan.customer]["on"] == "anna"
    shown = runner.invoke(app, ["board", "--once"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert cutover.plan.customer in shown.stdout.replace("\n", "")


def test_the_page_is_not_served_without_a_token_and_never_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[str, int]] = []
    monkeypatch.setattr(uvicorn, "run", lambda _, *, host, port, **__: served.append((host, port)))
    monkeypatch.delenv(TOKEN, raising=False)
    for words in ([], ["--token-block", "secret/nobody-here"]):
        done = runner.invoke(app, ["board", "--serve", *words])
        assert (done.exit_code, served) == (WRONG, [])
    token, block = uuid4().hex, f"board-{uuid4().hex[:8]}"
    Secret(value=token).save(block)
    for words, env in ((["--token-block", f"secret/{block}"], {}), ([], {TOKEN: token})):
        done = runner.invoke(app, ["board", "--serve", "--port", "4281", *words], env=env)
        assert done.exit_code == 0, done.output
        assert token not in done.output
    assert served == [("127.0.0.1", 4281)] * 2
    assert cli.app is app
