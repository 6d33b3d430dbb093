"""The report of a cutover, put together from what the server keeps: the ledger, the tables, the parked runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from parked_world import CutoverRun, mx_change, new_plan
from prefect import flow, tags
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.output import NOTHING, WRONG
from flows.gate import gate
from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Finding, PollResult, Preview
from mailmove.plan.cutover import Cutover
from mailmove.report.handover import Handover, Person
from mailmove.report.progress import watched
from mailmove.tenant_state import MigrationUser
from tasks.engine.current import engine
from tasks.engine.port import Rows
from tasks.engine.prefect_internals import keyed_by
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.names import closing_key, handover_key, previews_key
from tasks.ledger.payloads import LeftItem, Reconciliation
from tasks.parking.forms import GATE_FLOW, PARKED, WAIT_FLOW
from tasks.parking.poll import keep_result
from tasks.parking.resume import resume
from tasks.reporting.closing_facts import Closing
from tasks.reporting.collect import outlines, report_of_customer, runbook_of_preflight
from tasks.runbook import RUNBOOK
from tasks.waits.first_sync import PROGRESS

pytestmark = pytest.mark.usefixtures("prefect_server")
runner = CliRunner()

MX = {"name": "contoso.com.", "type": "MX", "ttl": 3600, "values": ["10 mail.contoso.com."]}
LOWERED = mx_change(MX, {**MX, "ttl": 60})
PREVIEW = Preview(stage="switch_mail", changes=[mx_change("old", "new")])
FINDING = Finding(subject="a@contoso.com", seen="forwards", means="It is not carried.", todo="Set it again.")
HANDOVER = Handover(server="SBS", people=(Person(address="a@contoso.com", name="Anna", kind="user"),), machines=())
SWEEP = PropagationSweep(at=datetime(2026, 11, 27, tzinfo=UTC), authorities=[], resolvers=[])
LEFT = LeftItem(mailbox="a@contoso.com", kind="message", folder="inbox", subject="big", reason="too large")


def write(key: str, rows: Rows, run: UUID) -> None:
    engine().store.write_table(key, rows, description="", flow_run=run)


@flow(persist_result=True, result_serializer="json")
def poll_only(cutover: Cutover, step: str) -> Evidence:
    at = datetime(2026, 11, 27, tzinfo=UTC)
    progress = watched(None, [MigrationUser(address="a@contoso.com", status="Synced", synced_items=9)], at)
    state = {PROGRESS: progress.model_dump(mode="json"), "contoso.com.": SWEEP.model_dump(mode="json"), "purged": {}}
    keep_result(engine().own_run(), PollResult(done=True, summary="seen", state=state))
    return record_evidence(Context(cutover, step), step, ["1 of 1 mailboxes copied"])


@flow(persist_result=True, result_serializer="json")
def evening(plan: Cutover) -> None:
    context = Context(plan, "evening")
    ledger, root = context.ledger, context.root
    write(handover_key(plan.customer), [HANDOVER.model_dump(mode="json")], root)
    previews = [Preview(stage="inventory", findings=[FINDING]), Preview(stage="lower_ttl", changes=[LOWERED])]
    write(previews_key(plan.customer), [preview.model_dump(mode="json") for preview in previews], root)
    if not ledger.entries():
        ledger.record(EntryKind.INTENT, "lower_ttl", changes=[LOWERED])
        ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[LOWERED])
        record_evidence(context, "lower_ttl", ["2 authoritative servers serve it"])
    with tags(PARKED, WAIT_FLOW):
        keyed_by(poll_only, "first_sync")(plan, "first_sync")
    with tags(PARKED, GATE_FLOW):
        keyed_by(gate, "switch_mail")(plan, "switch_mail", PREVIEW)
    found_again = ["a@contoso.com: 9 items found again"]
    record_evidence(context, "reconcile_again", found_again, Reconciliation(left=[LEFT]))
    closing = Closing(tidy=["remove the old name"], landed_note="nobody knows")
    write(closing_key(plan.customer), [closing.model_dump(mode="json")], root)


@pytest.fixture(scope="module")
def cutover(prefect_server: None) -> CutoverRun:
    made = CutoverRun(evening, new_plan())
    made.go_on()
    half = report_of_customer(made.plan.customer)
    assert [question.answered for question in half.questions] == [None]
    assert "Point the mail at Microsoft 365?" in half.questions[0].words
    assert not half.finished and half.state == "Suspended"
    resume(made.parked(), {"approve": True, "name": "anna", "reason": "it is late"})
    made.go_on()
    return made


def test_a_report_is_put_together_from_what_the_server_keeps(cutover: CutoverRun) -> None:
    report = report_of_customer(cutover.plan.customer)
    assert (report.cutover, report.state, report.domains) == (cutover.id, "Completed", ["contoso.com"])
    assert [step.name for step in report.steps] == [step.name for step in RUNBOOK]
    lowered = report.steps[0]
    assert lowered.changes == [LOWERED], "intent and receipt are one change"
    assert lowered.began == report.began and lowered.ended and lowered.facts == ["2 authoritative servers serve it"]
    assert lowered.undo == "The old TTL." or lowered.undo
    assert report.handover == HANDOVER
    assert report.findings == [FINDING]
    assert report.unmoved_items == ["a@contoso.com: message 'big' in inbox: too large"]
    assert (report.tidy, report.landed_note) == (["remove the old name"], "nobody knows")
    assert report.sweeps == {"contoso.com.": SWEEP}
    assert report.progress is not None and report.progress.items == 9
    [decision] = report.decisions
    assert decision.words[0] == "approved by anna"
    [question] = report.questions
    assert question.answered and timedelta(0) < question.answered - question.asked < timedelta(minutes=5)


def test_a_later_preflight_of_the_same_customer_does_not_change_what_that_cutover_saw(cutover: CutoverRun) -> None:
    other = Handover(server="another", people=(), machines=())
    write(handover_key(cutover.plan.customer), [other.model_dump(mode="json")], uuid4())
    assert report_of_customer(cutover.plan.customer, cutover.id).handover == HANDOVER


def test_what_was_rolled_back_is_shown_so_and_keeps_its_time(cutover: CutoverRun) -> None:
    customer = f"c-{uuid4().hex[:12]}"
    ledger = Ledger(customer, cutover.id)
    back = LOWERED.inverse()
    ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[LOWERED])
    ledger.record(EntryKind.EVIDENCE, "lower_ttl", facts=["served"])
    ledger.record(EntryKind.ROLLED_BACK, "lower_ttl", changes=[back], facts=["a copy remains"])
    report = report_of_customer(customer)
    step = report.steps[0]
    assert (step.undone, step.changes, step.remains, bool(step.ended)) == (True, [back], ["a copy remains"], True)
    assert report.undone and not report.finished


def test_a_cutover_that_prefect_has_forgotten_is_reported_from_the_ledger_alone() -> None:
    customer, root = f"c-{uuid4().hex[:12]}", uuid4()
    Ledger(customer, root).record(EntryKind.EVIDENCE, "lower_ttl", facts=["served"])
    report = report_of_customer(customer)
    assert (report.state, report.cutover, report.steps[0].facts) == ("unknown", root, ["served"])


def test_the_runbook_is_made_of_what_a_preflight_saw(cutover: CutoverRun) -> None:
    made = runbook_of_preflight(cutover.plan, cutover.id, datetime(2026, 11, 27, 20, tzinfo=UTC))
    assert [step.name for step in made.steps] == [outline.name for outline in outlines()]
    assert made.steps[0].changes == [LOWERED]
    assert made.before == [FINDING] and made.handover == HANDOVER
    with pytest.raises(Blocked, match="preflight"):
        runbook_of_preflight(cutover.plan, uuid4(), datetime.now(UTC))


def test_the_command_writes_a_page_prints_a_table_and_speaks_json(cutover: CutoverRun, tmp_path: Path) -> None:
    page, customer = tmp_path / "report.html", cutover.plan.customer
    done = runner.invoke(app, ["report", customer, "--out", str(page), "--json"])
    assert done.exit_code == 0, done.output
    assert "Anna" in page.read_text(encoding="utf-8")
    assert json.loads(done.stdout)["unmoved_items"] == [str(LEFT)]
    shown = runner.invoke(app, ["report", customer])
    assert (shown.exit_code, "lower_ttl" in shown.stdout, "1 items stayed behind" in shown.stdout) == (0, True, True)
    assert runner.invoke(app, ["report", "nobody"]).exit_code == NOTHING
    assert runner.invoke(app, ["report", customer, "--out", str(tmp_path / "no" / "x.html")]).exit_code == WRONG
