"""Parking: what is due, what is mended, how a sub-flow is known again, and what an answer does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from parked_world import CutoverRun, Killed, form_text, mx_change, new_plan
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.input.actions import delete_flow_run_input
from prefect.states import Cancelled, Completed, Paused, Running

from flows.gate import gate
from mailmove.errors import Blocked
from mailmove.evidence import PollResult, Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine, running_on
from tasks.engine.prefect_engine import PrefectEngine
from tasks.engine.prefect_internals import form_keys, keyed_by
from tasks.engine.prefect_parking import PrefectParking
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval
from tasks.parking.due_polls import SOONEST, due, known_results, poll_all
from tasks.parking.forms import GATE_FLOW, PARKED, WAIT_FLOW, WaitForm
from tasks.parking.poll import keep_result
from tasks.parking.resume import Parked, mend, resume, resume_all, resume_cutover

pytestmark = pytest.mark.usefixtures("prefect_server")


PREVIEW = Preview(stage="switch_mail", changes=[mx_change("old", "new")])
NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)


@flow(persist_result=True, result_serializer="json")
def cutover_with_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", PREVIEW)


@flow(persist_result=True, result_serializer="json")
def ask(cutover: Cutover, step: str) -> str:
    answer = engine().parking.last_answer(WaitForm)
    return (
        f"{step}: {answer.name} said {answer.reason}"
        if answer
        else engine().parking.park(WaitForm, f"{step}?\n\nMore of it.")
    )


@flow(persist_result=True, result_serializer="json")
def cutover_with_a_wait(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return keyed_by(ask, "quiet")(plan, "quiet")


@flow(persist_result=True, result_serializer="json")
def cutover_with_two_waits(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(keyed_by(ask, step)(plan, step) for step in ("quiet", "later"))


def yes(name: str = "anna", **more: Any) -> dict[str, Any]:
    return {"approve": True, "name": name, "reason": "it is late", **more}


# --- answers -------------------------------------------------------------------------------------------------------


def test_a_gate_parks_shows_and_returns_what_was_approved() -> None:
    cutover = CutoverRun(cutover_with_a_gate, new_plan())
    assert cutover.go_on() is None
    assert cutover.state == "Suspended"
    asked = cutover.parked()
    assert (asked.flow, asked.title, asked.customer, asked.key) == (
        GATE_FLOW,
        "switch_mail",
        cutover.plan.customer,
        "1",
    )
    assert "Point the mail at Microsoft 365?" in asked.question
    resume(asked, yes())
    assert cutover.state == "Scheduled" or cutover.state == "Resuming"
    assert cutover.go_on() == PREVIEW.digest
    assert cutover.state == "Completed"
    assert [run.id for run in cutover.sub_flows()] == [asked.run.id], "it is the same sub-flow run"
    ((entry, approval),) = Ledger(cutover.plan.customer, cutover.id).payloads(Approval)
    assert (entry.kind, entry.changes, approval.by) == (EntryKind.APPROVAL, PREVIEW.changes, "anna")


def test_no_and_the_word_of_somebody_without_a_say_park_it_again() -> None:
    cutover = CutoverRun(cutover_with_a_gate, new_plan(switch_mail={"approvers": ["anna"]}))
    cutover.go_on()
    for key, answer, shown in (
        ("1", yes("mallory"), "**mallory has no say here.** The plan names: anna."),
        ("2", yes(approve=False), "**anna said no: it is late.**"),
    ):
        assert cutover.parked().key == key
        resume(cutover.parked(), answer)
        assert cutover.go_on() is None
        assert shown in form_text(cutover.parked())
    assert Ledger(cutover.plan.customer, cutover.id).entries() == []
    resume(cutover.parked(), yes())
    assert cutover.go_on() == PREVIEW.digest


def test_an_answer_that_does_not_fit_the_form_changes_nothing() -> None:
    cutover = CutoverRun(cutover_with_a_gate, new_plan())
    cutover.go_on()
    for answer in ({}, {"approve": True}, {"approve": True, "name": ""}, {"name": "anna"}):
        with pytest.raises(Blocked, match="Answer with the fields of its form"):
            resume(cutover.parked(), answer)
        assert (cutover.state, cutover.parked().key) == ("Suspended", "1")


def test_resuming_twice_is_resuming_once() -> None:
    cutover = CutoverRun(cutover_with_a_wait, new_plan())
    cutover.go_on()
    asked = cutover.parked()
    resume(asked, {"name": "ben", "reason": "enough"})
    resume(asked, {"name": "mallory", "reason": "too late"})
    assert cutover.go_on() == "quiet: ben said enough"


def test_a_question_that_somebody_else_has_answered_resumes_nothing_that_parked_since() -> None:
    cutover = CutoverRun(cutover_with_two_waits, new_plan())
    cutover.go_on()
    known_to_the_watch = cutover.parked()
    resume(known_to_the_watch, {"name": "ben", "reason": "enough"})
    assert cutover.go_on() is None
    assert cutover.parked().title == "later"
    resume(known_to_the_watch)
    assert cutover.state == "Suspended"


def test_many_are_resumed_at_once_and_each_by_itself() -> None:
    cutovers = [CutoverRun(cutover_with_a_wait, new_plan()) for _ in range(6)]
    for cutover in cutovers:
        cutover.go_on()
    resume_all([cutover.parked() for cutover in cutovers], {"name": "ben", "reason": "enough"})
    assert [cutover.go_on() for cutover in cutovers] == ["quiet: ben said enough"] * 6


def test_a_cutover_resumed_without_an_answer_asks_again() -> None:
    """Somebody presses Resume on the cutover itself, not on the question."""
    cutover = CutoverRun(cutover_with_a_wait, new_plan())
    cutover.go_on()
    with get_client(sync_client=True) as client:
        resume_cutover(client, cutover.id)
    assert cutover.go_on() is None
    again = cutover.parked()
    assert again.question == "quiet?"
    resume(again, {"name": "ben", "reason": "enough"})
    assert cutover.go_on() == "quiet: ben said enough"


# --- what is mended ------------------------------------------------------------------------------------------------


def set_state(run_id: Any, state: Any) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, state, force=True)


@pytest.fixture
def parked_cutover() -> CutoverRun:
    cutover = CutoverRun(cutover_with_a_wait, new_plan())
    cutover.go_on()
    return cutover


class DyingParking(PrefectParking):
    """The process is killed when the question is parked and the cutover is not yet suspended."""

    def suspend_root(self, root: UUID, *, key: str) -> None:
        raise Killed


def test_a_parked_question_under_a_running_cutover_suspends_it() -> None:
    cutover, dying = CutoverRun(cutover_with_a_wait, new_plan()), PrefectEngine()
    dying.parking = DyingParking()
    with running_on(dying), pytest.raises(Killed):
        cutover.go_on()
    # A killed process says no more; the engine in this one has said that both crashed.
    asked = cutover.crashed_sub_flow()
    set_state(asked, paused_like_a_parked_one())
    set_state(cutover.id, Running())
    assert mend(cutover.parked()) == "suspended the cutover of a parked question"
    assert cutover.state == "Suspended"
    assert mend(cutover.parked()) is None, "all is as it should be"
    resume(cutover.parked(), {"name": "ben", "reason": "enough"})
    assert cutover.go_on() == "quiet: ben said enough"


def paused_like_a_parked_one() -> Any:
    state = Paused(reschedule=False, pause_key="1")
    state.state_details.run_input_keyset = dict(form_keys(1))  # type: ignore[arg-type]
    state.message = "quiet?"
    return state


@pytest.fixture
def parked_without_form(parked_cutover: CutoverRun) -> CutoverRun:
    """The process was killed when the question was parked and its form was not yet saved."""
    asked = parked_cutover.parked()
    for key in ("schema", "description"):
        delete_flow_run_input(form_keys(1)[key], flow_run_id=asked.run.id)  # type: ignore[literal-required]
    return parked_cutover


def test_a_question_without_a_form_suspends_no_cutover(parked_without_form: CutoverRun) -> None:
    set_state(parked_without_form.id, Running())
    assert mend(parked_without_form.parked()) is None, "its process is just saving the form, or is restarted"
    assert parked_without_form.state == "Running"


def test_a_question_without_a_form_is_asked_anew_when_somebody_answers(parked_without_form: CutoverRun) -> None:
    resume(parked_without_form.parked(), {"name": "ben", "reason": "enough"})
    assert parked_without_form.go_on() is None
    again = parked_without_form.parked()
    assert (again.question, again.key) == ("quiet?", "2")
    resume(again, {"name": "ben", "reason": "enough"})
    assert parked_without_form.go_on() == "quiet: ben said enough"


def test_an_answered_question_resumes_its_cutover(parked_cutover: CutoverRun) -> None:
    """The UI's form resumes the sub-flow only."""
    asked = parked_cutover.parked()
    with get_client(sync_client=True) as client:
        client.resume_flow_run(asked.run.id, run_input={"name": "ben", "reason": "enough"})
    assert parked_cutover.state == "Suspended"
    answered = parked_cutover.parked(StateType.PAUSED, StateType.RUNNING)
    assert mend(answered) == "resumed the cutover of an answered question"
    assert mend(parked_cutover.parked(StateType.PAUSED, StateType.RUNNING)) is None
    assert parked_cutover.go_on() == "quiet: ben said enough"


def test_a_question_that_parked_again_meanwhile_is_left_alone(parked_cutover: CutoverRun) -> None:
    asked = parked_cutover.parked()
    running = asked.run.model_copy(update={"state": Running()})
    assert mend(Parked(running, asked.root)) is None
    assert parked_cutover.state == "Suspended"


def test_the_question_of_an_ended_cutover_is_closed(parked_cutover: CutoverRun) -> None:
    set_state(parked_cutover.id, Cancelled())
    asked = parked_cutover.parked()
    assert mend(asked) == "closed the question of an ended cutover"
    assert [run.state_name for run in parked_cutover.sub_flows()] == ["Cancelled"]


def test_a_question_that_ended_with_its_cutover_keeps_its_end(parked_cutover: CutoverRun) -> None:
    asked = parked_cutover.parked()
    set_state(asked.run.id, Completed())
    set_state(parked_cutover.id, Completed())
    assert mend(Parked(asked.run, parked_cutover.run)) is None, "the list was read before it ended"
    assert [run.state_name for run in parked_cutover.sub_flows()] == ["Completed"]


# --- how a sub-flow is known again ---------------------------------------------------------------------------------


def test_keyed_by_gives_each_name_a_key_of_its_own_and_changes_nothing_else() -> None:
    @flow
    def double(number: int, times: int = 2) -> int:
        return number * times

    @flow
    def root() -> list[int]:
        return [keyed_by(double, "a")("21"), keyed_by(double, "b")(4, times=3), keyed_by(double, "a")(5), double(6)]  # type: ignore[arg-type]

    state = root(return_state=True)
    assert state.result() == [42, 12, 10, 12]
    with get_client(sync_client=True) as client:
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
        keys = sorted((run.task_key, run.dynamic_key) for run in client.read_task_runs(flow_run_filter=wanted))
    assert len(set(keys)) == 4
    assert len({key for key, _ in keys}) == 3
    assert sum("double[a]" in key for key, _ in keys) == 2
    assert double.fn.__qualname__.endswith("double"), "the flow itself stays as it was"


# --- what is due ---------------------------------------------------------------------------------------------------


def parked_wait(age: float, *, flow_tag: str = WAIT_FLOW, paused: bool = True, parameters: Any = None) -> Parked:
    """A wait that began `age` seconds before NOW."""
    run = FlowRun(
        id=uuid4(),
        flow_id=uuid4(),
        tags=[PARKED, flow_tag],
        state=Paused(pause_key="1") if paused else Running(),
        start_time=NOW - timedelta(seconds=age),
        parameters=parameters or {"step": "quiet", "cutover": {"customer": "contoso"}},
    )
    return Parked(run, FlowRun(id=uuid4(), flow_id=uuid4()))


def polled(wait: Parked, ago: float, next_in: float | None = None) -> Parked:
    """It was polled `ago` seconds before NOW, and asked to be polled again `next_in` seconds after NOW."""
    again = None if next_in is None else NOW + timedelta(seconds=next_in)
    keep_result(
        wait.run.id, PollResult(done=False, summary="not yet", at=NOW - timedelta(seconds=ago), next_poll=again)
    )
    return wait


def seconds_to_due(wait: Parked, rest: float = 60.0) -> float:
    waits = due([wait], NOW, rest, known_results([wait], {}))
    assert len(waits.now) == (waits.seconds_to_next == 0)
    return waits.seconds_to_next


def test_a_wait_is_polled_after_a_quarter_of_its_age() -> None:
    assert seconds_to_due(parked_wait(age=0)) == 0, "one that was never polled: now"
    assert seconds_to_due(polled(parked_wait(age=3), ago=1)) == SOONEST - 1, "a young one: soon, but not at once"
    assert seconds_to_due(polled(parked_wait(age=50), ago=10)) == 0, "aged 40 then: 10 s later, which is now"
    assert seconds_to_due(polled(parked_wait(age=49), ago=9)) == 1
    assert seconds_to_due(polled(parked_wait(age=90_000), ago=20)) == 40, "an old one: after `rest`"
    assert seconds_to_due(polled(parked_wait(age=90_000), ago=20), rest=10) == 0


def test_a_wait_that_says_when_is_polled_then() -> None:
    assert seconds_to_due(polled(parked_wait(age=5), ago=1, next_in=3600)) == 3600
    assert seconds_to_due(polled(parked_wait(age=90_000), ago=2, next_in=0.5)) == 0.5
    assert seconds_to_due(polled(parked_wait(age=90_000), ago=2, next_in=-7)) == 0
    assert seconds_to_due(polled(parked_wait(age=90_000), ago=0.5, next_in=-7)) == SOONEST - 0.5, "never at once again"


def test_only_waits_that_are_parked_are_polled_and_the_next_one_is_named() -> None:
    early, late = polled(parked_wait(age=100), ago=0, next_in=30), polled(parked_wait(age=100), ago=0, next_in=90)
    fresh = parked_wait(age=0)
    others = [parked_wait(age=0, flow_tag=GATE_FLOW), parked_wait(age=0, paused=False)]
    results = known_results([early, late, fresh, *others], {})
    assert due(others, NOW, 60, results).now == []
    assert due([late, early, *others], NOW, 60, results).seconds_to_next == 30
    assert [wait for wait, _ in due([late, fresh, early, *others], NOW, 60, results).now] == [fresh]
    assert due([], NOW, 60, results).seconds_to_next == float("inf")


async def test_one_wait_that_cannot_be_polled_keeps_no_other_waiting() -> None:
    sound = {
        "step": "reconcile_items",
        "until": "verified",
        "cutover": new_plan().model_dump(mode="json"),
    }  # only trying tells
    broken = parked_wait(age=9, parameters={"step": "quiet", "cutover": {"customer": "of an older version"}})
    good = parked_wait(age=9, parameters=sound)
    (first, bad), (second, fine) = await poll_all([(broken, None), (good, None)])
    assert (first, second) == (broken, good)
    assert not bad.done
    assert bad.summary.startswith("a fault of Mailmove: ValidationError")
    assert fine.done
