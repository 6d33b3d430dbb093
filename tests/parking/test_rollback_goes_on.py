"""A rollback that cannot put one stage back: the others are put back meanwhile, a person is asked, and what is left
standing is named in the question, the answer, the report of the rollback, the ledger and the board.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from parked_world import CutoverRun, PlayedStage, form_text, new_plan
from prefect import flow
from typer.testing import CliRunner

from deployments.cli.main import app
from flows.rollback import rollback
from mailmove.changes import Change, ChangeKind, NamedSubject
from mailmove.errors import Blocked
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.context import Context
from tasks.execution.retry_policies import rollback_task
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, own_ledger
from tasks.ledger.payloads import Standing
from tasks.progress.leave_out import left_lines
from tasks.reporting.status import board
from tasks.runbook import step_replaced

pytestmark = [pytest.mark.usefixtures("nothing_parked"), pytest.mark.timeout(300)]

NAMES = ("close_smtp_port", "switch_mail", "onboard_customer", "lower_ttl")
UNDONE: list[str] = []
DENIED: set[str] = set()


def consent(name: str) -> Change:
    subject = NamedSubject(name=f"consent of {name}")
    return Change(kind=ChangeKind.PARTNER_ACCESS, subject=subject, before=None, after="given")


def stage(name: str) -> PlayedStage:
    def undo(context: Context, receipt: Receipt) -> Receipt:
        if name in DENIED:
            raise Blocked("Partner Center", wanted="the consent taken back", seen="403", todo="Mend it.", code="403")
        UNDONE.append(name)
        return receipt

    undo.__name__ = "rollback"
    holds = name in ("close_smtp_port", "switch_mail")
    return PlayedStage(name, "played", holds_rollback=holds, verbs={"rollback": rollback_task(undo, name)})


@flow(name="cutover", persist_result=True, result_serializer="json")
def played(plan: Cutover) -> str:
    for name in reversed(NAMES):
        own_ledger(plan).record(EntryKind.RECEIPT, name, changes=[consent(name)])
    return "moved"


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    UNDONE.clear()
    DENIED.clear()
    with ExitStack() as replaced:
        for name in NAMES:
            replaced.enter_context(step_replaced(stage(name)))
        yield


def rolling_back(*denied: str) -> tuple[CutoverRun, CutoverRun]:
    run = CutoverRun(played, new_plan())
    run.go_on()
    DENIED.update(denied)
    back = CutoverRun(rollback, run.plan)
    back.go_on()
    return run, back


def test_one_undo_that_is_refused_lets_the_others_go_on_and_asks() -> None:
    _, back = rolling_back("onboard_customer")
    assert UNDONE == ["close_smtp_port", "switch_mail", "lower_ttl"]
    assert back.parked().title == "roll back onboard_customer"
    assert "403" in form_text(back.parked())


@pytest.mark.parametrize("held", ["close_smtp_port", "switch_mail"])
def test_nothing_is_put_back_under_mail_that_would_be_lost(held: str) -> None:
    _, back = rolling_back(held)
    assert list(NAMES[: NAMES.index(held)]) == UNDONE, "the MX first, or port 25; then what the mail counts on"
    assert back.parked().title == f"roll back {held}"


def test_what_a_person_leaves_standing_is_named_wherever_somebody_looks() -> None:
    run, back = rolling_back("onboard_customer")
    thing = "consent of onboard_customer"
    assert "if you go on without it" in form_text(back.parked()) and thing in form_text(back.parked())
    words = ["answer", run.plan.customer, "--go-on", "--name", "anna", "--reason", "we have lost the account"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and f"not put back: {shown(thing)}" in done.stdout, done.output
    told: Any = back.go_on()
    assert thing in told.partition("## Remains")[2] and "left by decision of anna" in told
    entries = Ledger(run.plan.customer, run.id).entries()
    ((_, left),) = Ledger(run.plan.customer, run.id).payloads(Standing)
    assert (left.by, left.reason) == ("anna", "we have lost the account") and thing in left.things[0]
    assert [line.stage for line in left_lines(entries)] == ["onboard_customer"]
    (status,) = [status for status in board() if status.customer == run.plan.customer]
    assert thing in " ".join(status.left), status

    DENIED.clear()
    again = CutoverRun(rollback, run.plan)  # mended after all
    again.go_on()
    assert (again.state, UNDONE[-1]) == ("Completed", "onboard_customer")
    assert left_lines(Ledger(run.plan.customer, run.id).entries()) == []


def shown(thing: str) -> str:
    return consent(thing.removeprefix("consent of ")).words
