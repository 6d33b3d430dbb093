"""Parking: what is due, what is mended, how a sub-flow is known again, and what an answer does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from parked_world import Night, form_text, new_plan
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.input.actions import delete_flow_run_input
from prefect.states import Cancelled, Completed, Paused, Running
from tasks.parking.park import GATE_FLOW, PARKED, WAIT_FLOW, WaitForm, known_as, last_answer, park

from flows.gate import gate
from mailmove.changes import Change
from mailmove.errors import Blocked
from mailmove.evidence import Look, Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_internals import form_keys
from tasks.ledger.ledger import Ledger
from tasks.parking.due_polls import SOONEST, due, known_looks, look_at_all
from tasks.parking.poll import show_look
from tasks.parking.resume import Parked, mend, resume, resume_cutover, wake, wake_all

pytestmark = pytest.mark.usefixtures("prefect_server")


PREVIEW = Preview(stage="switch_mail", changes=[Change(what="MX contoso.com.", before="old", after="new")])
NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)


@flow(persist_result=True, result_serializer="json")
def night_with_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return known_as(gate, "switch_mail")(plan, "switch_mail", PREVIEW)


@flow(persist_result=True, result_serializer="json")
def ask(cutover: Cutover, name: str) -> str:
    answer = last_answer(WaitForm)
    return f"{name}: {answer.name} said {answer.reason}" if answer else park(WaitForm, f"{name}?\n\nMore of it.")


@flow(persist_result=True, result_serializer="json")
def night_with_a_wait(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return known_as(ask, "quiet")(plan, "quiet")


@flow(persist_result=True, result_serializer="json")
def night_with_two_waits(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(known_as(ask, name)(plan, name) for name in ("quiet", "later"))


def yes(name: str = "anna", **more: Any) -> dict[str, Any]:
    return {"approve": True, "name": name, "reason": "it is late", **more}


# --- answers -------------------------------------------------------------------------------------------------------


def test_a_gate_parks_shows_and_returns_what_was_approved() -> None:
    night = Night(night_with_a_gate, new_plan())
    assert night.go_on() is None
    assert night.state == "Suspended"
    asked = night.parked()
    assert (asked.flow, asked.what, asked.customer, asked.key) == (GATE_FLOW, "switch_mail", night.plan.customer, "1")
    assert "Point the mail at Microsoft 365?" in asked.question
    wake(asked, yes())
    assert night.state == "Scheduled" or night.state == "Resuming"
    assert night.go_on() == PREVIEW.digest
    assert night.state == "Completed"
    assert [run.id for run in night.sub_flows()] == [asked.run.id], "it is the same sub-flow run"
    (approval,) = Ledger(night.plan.customer, night.id).entries()
    assert (approval.kind, approval.changes) == ("approval", PREVIEW.changes)
    assert "approved by anna" in approval.facts


def test_no_and_the_word_of_somebody_without_a_say_park_it_again() -> None:
    night = Night(night_with_a_gate, new_plan(switch_mail={"approvers": ["anna"]}))
    night.go_on()
    for key, answer, shown in (
        ("1", yes("mallory"), "**mallory has no say here.** The plan names: anna."),
        ("2", yes(approve=False), "**anna said no: it is late.**"),
    ):
        assert night.parked().key == key
        wake(night.parked(), answer)
        assert night.go_on() is None
        assert shown in form_text(night.parked())
    assert Ledger(night.plan.customer, night.id).entries() == []
    wake(night.parked(), yes())
    assert night.go_on() == PREVIEW.digest


def test_an_answer_that_does_not_fit_the_form_changes_nothing() -> None:
    night = Night(night_with_a_gate, new_plan())
    night.go_on()
    for answer in ({}, {"approve": True}, {"approve": True, "name": ""}, {"name": "anna"}):
        with pytest.raises(Blocked, match="Answer with the fields of its form"):
            wake(night.parked(), answer)
        assert (night.state, night.parked().key) == ("Suspended", "1")


def test_waking_twice_is_waking_once() -> None:
    night = Night(night_with_a_wait, new_plan())
    night.go_on()
    asked = night.parked()
    wake(asked, {"name": "ben", "reason": "enough"})
    wake(asked, {"name": "mallory", "reason": "too late"})
    assert night.go_on() == "quiet: ben said enough"


def test_a_question_that_somebody_else_has_answered_wakes_nothing_that_parked_since() -> None:
    night = Night(night_with_two_waits, new_plan())
    night.go_on()
    known_to_the_watch = night.parked()
    wake(known_to_the_watch, {"name": "ben", "reason": "enough"})
    assert night.go_on() is None
    assert night.parked().what == "later"
    wake(known_to_the_watch)
    assert night.state == "Suspended"


def test_many_are_woken_at_once_and_each_by_itself() -> None:
    nights = [Night(night_with_a_wait, new_plan()) for _ in range(6)]
    for night in nights:
        night.go_on()
    wake_all([night.parked() for night in nights], {"name": "ben", "reason": "enough"})
    assert [night.go_on() for night in nights] == ["quiet: ben said enough"] * 6


def test_a_cutover_resumed_without_an_answer_asks_again() -> None:
    """Somebody presses Resume on the cutover itself, not on the question."""
    night = Night(night_with_a_wait, new_plan())
    night.go_on()
    with get_client(sync_client=True) as client:
        resume_cutover(client, night.id)
    assert night.go_on() is None
    again = night.parked()
    assert again.question == "quiet?"
    wake(again, {"name": "ben", "reason": "enough"})
    assert night.go_on() == "quiet: ben said enough"


# --- what is mended ------------------------------------------------------------------------------------------------


def set_state(run_id: Any, state: Any) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, state, force=True)


@pytest.fixture
def parked_night() -> Night:
    night = Night(night_with_a_wait, new_plan())
    night.go_on()
    return night


class Killed(BaseException):
    """kill -9, as a test can play it."""


def test_a_parked_question_under_a_running_cutover_suspends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process was killed when the question was parked and the cutover was not yet suspended."""

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    night = Night(night_with_a_wait, new_plan())
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr("tasks.parking.park.suspend_cutover", kill)
        night.go_on()
    # A dead process says no more; the engine in this one has said that both crashed.
    asked = night.crashed_sub_flow()
    set_state(asked, paused_like_a_parked_one())
    set_state(night.id, Running())
    assert mend(night.parked()) == "suspended the cutover of a parked question"
    assert night.state == "Suspended"
    assert mend(night.parked()) is None, "all is as it should be"
    wake(night.parked(), {"name": "ben", "reason": "enough"})
    assert night.go_on() == "quiet: ben said enough"


def paused_like_a_parked_one() -> Any:
    state = Paused(reschedule=False, pause_key="1")
    state.state_details.run_input_keyset = dict(form_keys(1))  # type: ignore[arg-type]
    state.message = "quiet?"
    return state


@pytest.fixture
def parked_without_form(parked_night: Night) -> Night:
    """The process was killed when the question was parked and its form was not yet saved."""
    asked = parked_night.parked()
    for key in ("schema", "description"):
        delete_flow_run_input(form_keys(1)[key], flow_run_id=asked.run.id)  # type: ignore[literal-required]
    return parked_night


def test_a_question_without_a_form_suspends_no_cutover(parked_without_form: Night) -> None:
    set_state(parked_without_form.id, Running())
    assert mend(parked_without_form.parked()) is None, "its process is just saving the form, or is restarted"
    assert parked_without_form.state == "Running"


def test_a_question_without_a_form_is_asked_anew_when_somebody_answers(parked_without_form: Night) -> None:
    resume(parked_without_form.parked(), {"name": "ben", "reason": "enough"})
    assert parked_without_form.go_on() is None
    again = parked_without_form.parked()
    assert (again.question, again.key) == ("quiet?", "2")
    resume(again, {"name": "ben", "reason": "enough"})
    assert parked_without_form.go_on() == "quiet: ben said enough"


def test_an_answered_question_wakes_its_cutover(parked_night: Night) -> None:
    """The UI's form resumes the sub-flow only."""
    asked = parked_night.parked()
    with get_client(sync_client=True) as client:
        client.resume_flow_run(asked.run.id, run_input={"name": "ben", "reason": "enough"})
    assert parked_night.state == "Suspended"
    answered = parked_night.parked(StateType.PAUSED, StateType.RUNNING)
    assert mend(answered) == "woke the cutover of an answered question"
    assert mend(parked_night.parked(StateType.PAUSED, StateType.RUNNING)) is None
    assert parked_night.go_on() == "quiet: ben said enough"


def test_a_question_that_parked_again_meanwhile_is_left_alone(parked_night: Night) -> None:
    asked = parked_night.parked()
    running = asked.run.model_copy(update={"state": Running()})
    assert mend(Parked(running, asked.root)) is None
    assert parked_night.state == "Suspended"


def test_the_question_of_an_ended_cutover_is_closed(parked_night: Night) -> None:
    set_state(parked_night.id, Cancelled())
    asked = parked_night.parked()
    assert mend(asked) == "closed the question of an ended cutover"
    assert [run.state_name for run in parked_night.sub_flows()] == ["Cancelled"]


def test_a_question_that_ended_with_its_cutover_keeps_its_end(parked_night: Night) -> None:
    asked = parked_night.parked()
    set_state(asked.run.id, Completed())
    set_state(parked_night.id, Completed())
    assert mend(Parked(asked.run, parked_night.run)) is None, "the list was read before it ended"
    assert [run.state_name for run in parked_night.sub_flows()] == ["Completed"]


# --- how a sub-flow is known again ---------------------------------------------------------------------------------


def test_known_as_gives_each_name_a_key_of_its_own_and_changes_nothing_else() -> None:
    @flow
    def double(number: int, times: int = 2) -> int:
        return number * times

    @flow
    def root() -> list[int]:
        return [known_as(double, "a")("21"), known_as(double, "b")(4, times=3), known_as(double, "a")(5), double(6)]  # type: ignore[arg-type]

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
        parameters=parameters or {"name": "quiet", "cutover": {"customer": "contoso"}},
    )
    return Parked(run, FlowRun(id=uuid4(), flow_id=uuid4()))


def looked(one: Parked, ago: float, next_in: float | None = None) -> Parked:
    """It was looked at `ago` seconds before NOW, and asked to be looked at `next_in` seconds after NOW."""
    again = None if next_in is None else NOW + timedelta(seconds=next_in)
    show_look(one.run.id, Look(done=False, summary="not yet", at=NOW - timedelta(seconds=ago), next_look=again))
    return one


def seconds_to_due(one: Parked, rest: float = 60.0) -> float:
    found = due([one], NOW, rest, known_looks([one], {}))
    assert len(found.now) == (found.seconds_to_next == 0)
    return found.seconds_to_next


def test_a_wait_is_looked_at_after_a_quarter_of_its_age() -> None:
    assert seconds_to_due(parked_wait(age=0)) == 0, "one that was never looked at: now"
    assert seconds_to_due(looked(parked_wait(age=3), ago=1)) == SOONEST - 1, "a young one: soon, but not at once"
    assert seconds_to_due(looked(parked_wait(age=50), ago=10)) == 0, "aged 40 then: 10 s later, which is now"
    assert seconds_to_due(looked(parked_wait(age=49), ago=9)) == 1
    assert seconds_to_due(looked(parked_wait(age=90_000), ago=20)) == 40, "an old one: after `rest`"
    assert seconds_to_due(looked(parked_wait(age=90_000), ago=20), rest=10) == 0


def test_a_wait_that_says_when_is_looked_at_then() -> None:
    assert seconds_to_due(looked(parked_wait(age=5), ago=1, next_in=3600)) == 3600
    assert seconds_to_due(looked(parked_wait(age=90_000), ago=2, next_in=0.5)) == 0.5
    assert seconds_to_due(looked(parked_wait(age=90_000), ago=2, next_in=-7)) == 0
    assert seconds_to_due(looked(parked_wait(age=90_000), ago=0.5, next_in=-7)) == SOONEST - 0.5, "never at once again"


def test_only_waits_that_are_parked_are_looked_at_and_the_next_one_is_told() -> None:
    early, late = looked(parked_wait(age=100), ago=0, next_in=30), looked(parked_wait(age=100), ago=0, next_in=90)
    fresh = parked_wait(age=0)
    others = [parked_wait(age=0, flow_tag=GATE_FLOW), parked_wait(age=0, paused=False)]
    looks = known_looks([early, late, fresh, *others], {})
    assert due(others, NOW, 60, looks).now == []
    assert due([late, early, *others], NOW, 60, looks).seconds_to_next == 30
    assert [one for one, _ in due([late, fresh, early, *others], NOW, 60, looks).now] == [fresh]
    assert due([], NOW, 60, looks).seconds_to_next == float("inf")


async def test_one_wait_that_cannot_be_looked_at_keeps_no_other_waiting() -> None:
    sound = {"name": "settles: reconcile_items", "cutover": new_plan().model_dump(mode="json")}  # only trying tells
    broken = parked_wait(age=9, parameters={"name": "quiet", "cutover": {"customer": "of an older version"}})
    good = parked_wait(age=9, parameters=sound)
    (first, bad), (second, seen) = await look_at_all([(broken, None), (good, None)])
    assert (first, second) == (broken, good)
    assert not bad.done
    assert bad.summary.startswith("it cannot be looked at: ValidationError")
    assert seen.done
