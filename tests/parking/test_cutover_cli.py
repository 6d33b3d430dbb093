"""The command line of the cutover: signed approvals, starts of many plans, the board."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from parked_world import CutoverRun, mx_change, new_plan
from prefect import flow, tags
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from typer.testing import CliRunner

from deployments.cli import main as cli
from deployments.cli.board import TOKEN
from deployments.cli.main import IN_THE_WAY, WRONG, app
from deployments.cli.start_runs import staggered
from flows.cutover import cutover as cutover_flow
from flows.gate import gate
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_internals import keyed_by
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval
from tasks.parking.forms import GATE_FLOW, PARKED

pytestmark = pytest.mark.usefixtures("prefect_server")
runner = CliRunner()
PREVIEW = Preview(stage="switch_mail", changes=[mx_change("old\x1b[2J", "new")])


@flow(name="cutover", persist_result=True, result_serializer="json")
def cutover_with_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", PREVIEW)


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
    done = runner.invoke(app, words, input="secret words\n")
    assert done.exit_code == 0, done.output
    assert "You sign:\nMX contoso.com.: `old [2J` -> `new`" in done.stderr
    assert cutover.go_on() == PREVIEW.digest
    ((_, approval),) = Ledger(cutover.plan.customer, cutover.id).payloads(Approval)
    assert approval.by == name and approval.proof


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
    plans = [new_plan() for _ in range(3)]
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
