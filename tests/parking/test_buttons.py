"""Every button of Prefect's UI on every run, wherever it stands: the board shows the way on, and it goes.

Each row of the table: a run is brought to where it stands, the button is pressed on it (or on its question), the board
is read, the watch comes by, a worker takes what is scheduled, a person does what the board says; then it is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from buttons import BUTTONS, press
from parked_world import CutoverRun, PlayedStage, PlayedWait, mx_change, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import Abort
from prefect.states import Late

from flows.cutover import _until_done
from flows.rollback import rollback
from flows.wait import wait
from flows.watch import watch
from mailmove.clock import Clock, clock_set
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, PollResult, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.execution.apply_and_undo import apply_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.execution.rolled_back import refuse_rolled_back
from tasks.ledger.ledger import own_ledger
from tasks.parking.forms import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.resume import parked_runs, resume
from tasks.parking.start_again import start_again
from tasks.progress.interruptions import interruptions
from tasks.reporting.status import DELETED, CutoverStatus, board
from tasks.runbook import step_replaced
from tasks.stages import switch_mail

pytestmark = [pytest.mark.usefixtures("nothing_parked"), pytest.mark.timeout(300)]

WORLD = SimpleNamespace(blocked=False, denied=False, quiet=True, acts=[], press=None)


@check_task
def check(context: Context) -> Preview:
    return Preview(stage="switch_mail", changes=[] if WORLD.acts else [mx_change("old", "new")])


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    if WORLD.press:
        WORLD.press, button = None, WORLD.press
        press(button, context.root)
    if WORLD.blocked:
        raise Blocked("the lab", wanted="peace", seen="noise", todo="Mend it.")
    return apply_changes(context, lambda: check.fn(context), lambda _: WORLD.acts.append("switched"), approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    return Evidence(stage="switch_mail", facts=["so it is"])


@rollback_task
def rolled_back(context: Context, receipt: Receipt) -> Receipt:
    if WORLD.denied:
        raise Blocked("Route 53", wanted="to change MX", seen="AccessDenied", todo="Check the rights in the block.")
    WORLD.acts.clear()
    return receipt


async def quiet(context: Context, previous: PollResult | None) -> PollResult:
    if WORLD.press:
        WORLD.press, button = None, WORLD.press
        press(button, engine().own_run())
    return PollResult(done=WORLD.quiet, summary="mail is coming" if not WORLD.quiet else "it is quiet")


VERBS = {
    "question": switch_mail.question,
    "check": check,
    "apply": apply.with_options(retries=0),
    "verify": verify,
    "rollback": rolled_back,
}
STAGE = PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=VERBS)
QUIET = PlayedWait("quiet", "until it is quiet", verbs={"poll": quiet})


@flow(name="cutover", persist_result=True, result_serializer="json")
def played(plan: Cutover) -> str:
    entries = own_ledger(plan).entries()
    refuse_rolled_back(entries)
    engine().run_sub_flow(wait, "quiet", plan, "quiet", "condition", tags=[PARKED, WAIT_FLOW])
    _until_done(plan, STAGE, interruptions(entries)["switch_mail"])
    return "switched"


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    WORLD.blocked, WORLD.denied, WORLD.quiet, WORLD.acts, WORLD.press = False, False, True, [], None
    with step_replaced(STAGE), step_replaced(QUIET):
        yield


def go_on(run: CutoverRun) -> None:
    """What a worker does with a run that is scheduled."""
    try:
        run.go_on()
    except (Abort, Blocked):
        return  # it says so in its state


def on_board(run: CutoverRun) -> CutoverStatus:
    (status,) = [status for status in board() if status.customer == run.plan.customer]
    return status


# --- where a run stands --------------------------------------------------------------------------------------------


def scheduled() -> CutoverRun:
    return CutoverRun(played, new_plan())


def at_gate() -> CutoverRun:
    run = scheduled()
    go_on(run)
    assert run.parked().flow == GATE_FLOW
    return run


def at_trouble() -> CutoverRun:
    run = at_gate()
    WORLD.blocked = True
    resume(run.parked(), {"approve": True, "name": "anna", "reason": "now"})
    go_on(run)
    assert run.parked().flow == TROUBLE_FLOW
    WORLD.blocked = False
    return run


def at_wait() -> CutoverRun:
    WORLD.quiet = False
    run = scheduled()
    go_on(run)
    assert run.parked().flow == WAIT_FLOW
    return run


def ended_by(button: str) -> CutoverRun:
    run = at_gate()
    press(button, run.id)
    watch(stay_seconds=0)
    return run


def failed() -> CutoverRun:
    return ended_by("to Failed")


def cancelled() -> CutoverRun:
    return ended_by("to Cancelled")


def completed() -> CutoverRun:
    run = at_gate()
    bring_to_its_end(run)
    assert run.state == "Completed"
    return run


def rollback_at_wait() -> CutoverRun:
    switched = completed()
    WORLD.denied = True
    back = CutoverRun(rollback, switched.plan)
    go_on(back)
    assert back.parked().title == "roll back switch_mail"
    return back


STANDS: dict[str, Any] = {
    "a cutover that is scheduled": scheduled,
    "a cutover at a gate": at_gate,
    "a cutover at trouble": at_trouble,
    "a cutover at a wait": at_wait,
    "a cutover that has failed": failed,
    "a cutover that was cancelled": cancelled,
    "a cutover that is over": completed,
    "a rollback at a wait": rollback_at_wait,
}
_PARKED = ("a cutover at a gate", "a cutover at trouble", "a cutover at a wait", "a rollback at a wait")
_ENDED = ("a cutover that has failed", "a cutover that was cancelled", "a cutover that is over")

TABLE = [
    *(
        ("run", stands, button)
        for stands in _PARKED
        for button in ("Cancel", "Cancel with sub-flows", "Resume", "Delete")
    ),
    *(("question", stands, button) for stands in _PARKED for button in ("Cancel", "Resume", "Delete")),
    *(("run", stands, button) for stands in _ENDED for button in ("Retry", "Delete")),
    *(("run", "a cutover that is scheduled", button) for button in ("Cancel", "Delete")),
    *(("run", "a cutover that has failed", button) for button in ("to Cancelled", "to Crashed", "to Completed")),
    ("question", "a cutover at a gate", "to Completed"),
    ("question", "a cutover at a gate", "to Failed"),
    ("run", "a cutover at a gate", "Pause"),
]
QUICK = (
    ("run", "a cutover at trouble", "Cancel"),
    ("run", "a cutover at trouble", "Delete"),
    ("question", "a cutover at a wait", "Cancel"),
    ("question", "a cutover at a gate", "to Completed"),
    ("run", "a cutover that was cancelled", "Retry"),
)
"""What `make test` has time for; the rest is in `make long`."""
ROWS = [row if row in QUICK else pytest.param(*row, marks=pytest.mark.long) for row in TABLE]


def bring_to_its_end(run: CutoverRun) -> None:
    """What the watch, a worker and a person who reads the board do, until it is over or gone."""
    WORLD.quiet, WORLD.denied = True, False
    for _ in range(12):
        watch(stay_seconds=0)
        status = on_board(run)
        assert_not_silent(status)
        if status.state in ("Completed", DELETED):
            return
        if status.state in ("Scheduled", "Late", "Resuming", "AwaitingRetry"):
            go_on(run)
        elif status.parked and status.needs and status.asked_in:
            (question,) = [question for question in parked_runs() if question.run.id == status.asked_in]
            answer = {"approve": True} if question.flow == GATE_FLOW else {}
            resume(question, {**answer, "name": "anna", "reason": "go"})
        elif f"`mailmove restart {run.plan.customer}`" in status.way_on:
            start_again(run.plan.customer)
    raise AssertionError(f"it does not come to its end: {on_board(run)}")


def assert_not_silent(status: CutoverStatus) -> None:
    """It goes on by itself, or its question is open, or the board says how."""
    if status.state in ("Completed", "Running", "Pending", "Scheduled", "Resuming", "AwaitingRetry"):
        return
    assert status.question or status.way_on or status.wrong, status
    if not status.parked:
        assert status.way_on or "by itself" in status.question, status


@pytest.mark.parametrize(("on", "stands", "button"), ROWS, ids=lambda word: str(word).replace(" ", "-"))
def test_a_button_ends_in_a_state_from_which_it_goes_on(on: str, stands: str, button: str) -> None:
    run: CutoverRun = STANDS[stands]()
    acts = list(WORLD.acts)
    press(button, run.id if on == "run" else run.parked().run.id)
    if button == "Delete" and on == "run":
        assert_deleted(run, stands)
        return
    assert_not_silent(on_board(run))
    bring_to_its_end(run)
    if "rollback" in stands:
        assert (acts, WORLD.acts) == (["switched"], []), "put back"
    elif "to Completed" not in button or on == "question":
        assert WORLD.acts == ["switched"], "once, and with a yes"


def assert_deleted(run: CutoverRun, stands: str) -> None:
    """The board says what can be done where something was; its question is closed; a rollback finds its ledger."""
    watch(stay_seconds=0)
    with get_client(sync_client=True) as client:
        assert not [one for one in parked_runs(StateType.PAUSED) if one.root.id == run.id]
        left = client.read_flow_runs(limit=200)
    paused = [one for one in left if one.parameters.get("cutover", {}).get("customer") == run.plan.customer]
    assert not [one.name for one in paused if one.state and one.state.is_paused()]
    shown = [status for status in board() if status.customer == run.plan.customer]
    if stands in ("a cutover at trouble", "a cutover at a gate", "a cutover at a wait"):
        WORLD.denied = False
        back = CutoverRun(rollback, run.plan) if shown else None
        if stands == "a cutover at trouble":
            assert [status.state for status in shown] == [DELETED] and "mailmove rollback" in shown[0].way_on
        if back:
            go_on(back)
            assert back.state == "Completed", back.run.state


@pytest.mark.parametrize("button", ["Cancel", "Pause", "Delete", "to Cancelled"])
def test_a_button_on_a_running_cutover_stops_its_process_before_it_acts(button: str) -> None:
    run = at_gate()
    WORLD.press = button
    resume(run.parked(), {"approve": True, "name": "anna", "reason": "now"})
    try:
        run.go_on()
    except BaseException as error:  # noqa: BLE001  # Abort is none of Exception, and a deleted run is Prefect's own error
        assert not isinstance(error, AssertionError | KeyboardInterrupt)
    assert WORLD.acts == [], "it does not own its run any more"
    if button == "Delete":
        return
    assert_not_silent(on_board(run))
    if button == "Cancel":
        watch(stay_seconds=0)
        assert run.state == "Cancelling", "its worker may be about to end its process"
        with clock_set(Clock(ahead=timedelta(minutes=3))):
            watch(stay_seconds=0)
        assert run.state == "Cancelled", "nobody did"
    bring_to_its_end(run)
    assert WORLD.acts == ["switched"]


def test_cancel_on_a_question_whose_process_is_polling_is_asked_anew() -> None:
    WORLD.quiet, WORLD.press = False, "Cancel"
    run = scheduled()
    go_on(run)
    watch(stay_seconds=0)
    go_on(run)
    assert (run.parked().flow, run.state) == (WAIT_FLOW, "Suspended")
    bring_to_its_end(run)


def test_a_pause_by_hand_is_left_to_the_person_who_pressed_it() -> None:
    run = scheduled()
    press("Pause", run.id)
    watch(stay_seconds=0)
    status = on_board(run)
    assert (run.state, status.needs) == ("Suspended", True)
    assert "somebody paused it" in status.question and "Resume" in status.way_on
    bring_to_its_end(run)


def test_a_cutover_that_was_rolled_back_does_not_go_on_when_retry_is_pressed() -> None:
    run = completed()
    back = CutoverRun(rollback, run.plan)
    go_on(back)
    assert (back.state, WORLD.acts) == ("Completed", [])
    press("Retry", run.id)
    go_on(run)
    assert (run.state, WORLD.acts) == ("Cancelled", []), "what it had done is put back: it must not count on it"
    with pytest.raises(Blocked, match=r"Completed|rolled back"):
        start_again(run.plan.customer)


def test_a_state_that_nobody_knows_needs_a_person() -> None:
    run = scheduled()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Late().model_copy(update={"name": "Bewitched"}), force=True)
    status = on_board(run)
    assert status.needs and "Bewitched" in status.question and "mailmove restart" in status.way_on


def test_the_watch_itself_may_be_stopped_and_the_next_one_goes_on() -> None:
    """Its deployment starts one each minute (prefect.yaml); none remembers anything of the one before."""
    run = at_gate()
    for button in ("Cancel", "Delete"):
        press(button, run.parked().run.id)
        watch(stay_seconds=0)
        go_on(run)
        assert run.parked().flow == GATE_FLOW
    assert set(BUTTONS) >= {button for _, _, button in TABLE}
