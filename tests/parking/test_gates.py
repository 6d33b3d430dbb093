"""Gates: whose word counts, what a code proves and what it cannot be used for, and questions that expire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from parked_world import CutoverRun, HeardStore, Killed, PlayedStage, engine_with, form_text, mx_change, new_plan
from prefect import flow, tags

from blocks.approver import Approver
from deployments.cli.approver_keys import answer, make_approver, question_at
from flows.gate import gate
from flows.watch import watch
from mailmove.approval_codes import Yes, code_for, is_code_of, new_key
from mailmove.clock import now
from mailmove.errors import Blocked
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.current import running_on
from tasks.engine.prefect_internals import keyed_by
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval
from tasks.notifications.deliver import EVENTS, outcomes_so_far
from tasks.parking.due_polls import expired_gates
from tasks.parking.forms import GATE_FLOW, PARKED
from tasks.parking.gate_questions import UNANSWERED, asked_last, write_question
from tasks.parking.resume import resume
from tasks.runbook import step_replaced
from tasks.stages import switch_mail

pytestmark = pytest.mark.usefixtures("prefect_server")

PREVIEW = Preview(stage="switch_mail", changes=[mx_change("old", "new")])
FRESH = Preview(stage="switch_mail", changes=[mx_change("other", "new")])


@flow(persist_result=True, result_serializer="json")
def cutover_with_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", PREVIEW)


@check_task
def check(context: Context) -> Preview:
    return FRESH


@pytest.fixture
def world_moves_on() -> Iterator[None]:
    """A fresh check finds another picture."""
    verbs = {"check": check, "question": switch_mail.question}
    with step_replaced(PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=verbs)):
        yield


def parked(**rule: Any) -> CutoverRun:
    cutover = CutoverRun(cutover_with_a_gate, new_plan(switch_mail=rule))
    assert cutover.go_on() is None
    return cutover


def yes(name: str = "anna", **more: Any) -> dict[str, Any]:
    return {"approve": True, "name": name, "reason": "it is late", **more}


def refused(cutover: CutoverRun, given: dict[str, Any], words: str) -> None:
    """It parks again, says why, and nothing is approved."""
    before = int(cutover.parked().key)
    resume(cutover.parked(), given)
    assert cutover.go_on() is None
    assert int(cutover.parked().key) == before + 1
    assert words in form_text(cutover.parked())
    assert Ledger(cutover.plan.customer, cutover.id).entries() == []


def age(cutover: CutoverRun, minutes: float) -> None:
    """As if the question had been asked so long ago."""
    asked = asked_last(cutover.parked().run.id)
    assert asked is not None
    write_question(asked.model_copy(update={"at": asked.at - timedelta(minutes=minutes)}))


# --- whose word counts ---------------------------------------------------------------------------------------------


def test_the_ledger_names_who_why_when_and_what() -> None:
    cutover = parked(approvers=["anna"])
    question = question_at(cutover.parked()).question
    before = now()
    resume(cutover.parked(), yes())
    assert cutover.go_on() == PREVIEW.digest
    (entry,) = Ledger(cutover.plan.customer, cutover.id).entries()
    assert (entry.kind, entry.stage, entry.changes) == (EntryKind.APPROVAL, "switch_mail", PREVIEW.changes)
    assert before <= entry.at <= now()
    assert entry.payload == Approval(by="anna", reason="it is late", digest=PREVIEW.digest, question=question)
    assert entry.facts == [
        "approved by anna",
        "identity: as typed, not proved",
        "reason: it is late",
        f"at {entry.at:%Y-%m-%d %H:%M:%S} UTC",
        f"digest {PREVIEW.digest}",
    ]


def test_an_approval_whose_process_was_killed_is_written_once() -> None:
    cutover = parked()
    resume(cutover.parked(), yes())

    def kill(key: str) -> None:
        if key.startswith("ledger-"):
            raise Killed

    with running_on(engine_with(HeardStore(after=kill))), pytest.raises(Killed):
        cutover.go_on()
    from prefect.client.orchestration import get_client
    from prefect.states import Running, Scheduled

    with get_client(sync_client=True) as client:  # a killed process says no more; here, the engine said that it crashed
        client.set_flow_run_state(cutover.crashed_sub_flow(), Running(), force=True)
        client.set_flow_run_state(cutover.id, Scheduled(), force=True)
    assert cutover.go_on() == PREVIEW.digest
    assert len(Ledger(cutover.plan.customer, cutover.id).entries()) == 1


# --- codes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def anna(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An approver with a key; her block's name and her key file."""
    name = f"anna-{uuid4().hex[:8]}"
    path, _ = make_approver(name, None, tmp_path)
    yield name, path


def signed(cutover: CutoverRun, name: str, key: Path) -> dict[str, Any]:
    return answer(cutover.parked(), name, yes=True, reason="it is late", key=key, passphrase=lambda: "")


def test_with_a_key_only_its_code_opens_the_gate(anna: tuple[str, Path], tmp_path: Path) -> None:
    name, key = anna
    cutover = parked(approvers=[f"approver/{name}", "ben"])
    assert f"a code of approver/{name}" in form_text(cutover.parked())
    refused(cutover, yes(name), "did not come with a code")
    refused(cutover, yes(f"approver/{name}", code="x" * 86), "was not made for this question")
    other = tmp_path / "other.pem"
    other.write_bytes(new_key()[0])
    refused(cutover, signed(cutover, name, other), "was not made for this question")
    resume(cutover.parked(), signed(cutover, name, key))
    assert cutover.go_on() == PREVIEW.digest
    ((_, approval),) = Ledger(cutover.plan.customer, cutover.id).payloads(Approval)
    assert approval.proof.startswith("proved by a code of the key ")


def test_a_code_is_good_for_one_question_only(anna: tuple[str, Path]) -> None:
    """Replayed at the next asking, or at another customer's gate, it is refused."""
    name, key = anna
    first, second = (parked(approvers=[f"approver/{name}"]) for _ in range(2))
    code = signed(first, name, key)
    refused(second, code, "was not made for this question")
    refused(first, {"approve": False, "name": "ben", "reason": "wait"}, "ben said no: wait")
    refused(first, code, "was not made for this question")
    resume(first.parked(), signed(first, name, key))
    assert first.go_on() == PREVIEW.digest


def test_a_code_says_yes_to_every_one_of_its_words() -> None:
    private, public = new_key("pass")
    yes_words = Yes(customer="contoso", gate="switch_mail", question="q-1", digest="d", approver="approver/anna")
    code = code_for(yes_words, private, "pass")
    assert is_code_of(yes_words, public, code)
    for part in Yes.model_fields:
        assert not is_code_of(yes_words.model_copy(update={part: "other"}), public, code), part
    assert not is_code_of(yes_words, new_key()[1], code)
    for nonsense in ("", "é", "=" * 86, code[:-2], f"{code}AA", "not a code"):
        assert not is_code_of(yes_words, public, nonsense)
    with pytest.raises(ValueError, match="line break"):
        yes_words.model_copy(update={"customer": "a\nb"}).words()
    with pytest.raises(ValueError, match=r"(?i)password|decrypt"):
        code_for(yes_words, private, "wrong")


def test_an_approver_whose_block_is_gone_has_no_say() -> None:
    cutover = parked(approvers=["approver/nobody-here"])
    refused(cutover, yes("nobody-here", code="x"), "cannot be checked")


def test_a_key_is_made_once_and_only_its_owner_reads_it(anna: tuple[str, Path], tmp_path: Path) -> None:
    name, key = anna
    assert key.stat().st_mode & 0o077 == 0
    assert Approver.load(name).public_key not in key.read_text()
    for folder, seen in ((tmp_path, "exists"), (tmp_path / "elsewhere", "the block")):
        with pytest.raises(Blocked, match=seen):
            make_approver(name, None, folder)
    with pytest.raises(Blocked, match="block name"):
        make_approver("../anna", None, tmp_path)


# --- questions that expire -----------------------------------------------------------------------------------------


def test_a_question_that_nobody_answers_is_asked_anew_from_a_fresh_check(world_moves_on: None) -> None:
    cutover = parked(expires_minutes=60)
    question = cutover.parked()
    assert question.run.state is not None
    parked_at = question.run.state.timestamp
    assert expired_gates([question], parked_at + timedelta(minutes=59)) == []
    assert expired_gates([question], parked_at + timedelta(minutes=61)) == [question]
    age(cutover, 61)
    resume(question, UNANSWERED)  # as the watch does
    assert cutover.go_on() is None
    assert cutover.state == "Suspended", "it never fails the run"
    shown = form_text(cutover.parked())
    assert "Nobody answered within 60 minutes" in shown
    assert f"digest `{FRESH.digest}`" in shown
    resume(cutover.parked(), yes())
    assert cutover.go_on() == FRESH.digest


def test_the_watch_notifies_of_it_and_has_it_asked_anew(nothing_parked: None, world_moves_on: None) -> None:
    cutover = parked(expires_minutes=0.001)
    assert watch(stay_seconds=0) == 1
    outcomes = outcomes_so_far([cutover.id])[cutover.id]
    assert [(outcome.channel, outcome.outcome) for outcome in outcomes.values()] == [(EVENTS, "sent")]
    assert cutover.go_on() is None
    assert "Nobody answered within 0.001 minutes" in form_text(cutover.parked())


def test_a_late_yes_does_not_count(world_moves_on: None) -> None:
    cutover = parked(expires_minutes=60)
    age(cutover, 61)
    refused(cutover, yes(), "when the question had expired")
    assert FRESH.digest in form_text(cutover.parked())


def test_a_yes_to_one_picture_is_not_held_against_the_next(world_moves_on: None) -> None:
    """Killed after it had written down the next question, before it parked with it."""
    cutover = parked(expires_minutes=60)
    asked = question_at(cutover.parked())
    resume(cutover.parked(), yes())
    write_question(asked.model_copy(update={"key": 2, "preview": FRESH}))
    assert cutover.go_on() is None
    assert Ledger(cutover.plan.customer, cutover.id).entries() == []


def test_a_question_without_an_end_does_not_expire() -> None:
    assert expired_gates([parked().parked()], now() + timedelta(days=365)) == []
