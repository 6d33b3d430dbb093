"""What was rolled back stays rolled back: a rollback at any moment of a night, and then every button.

The whole `cutover` flow walks two played stages on a real Prefect server. The world outside is what counts: where the
MX leads, and whether the old server's port 25 is open. Mail is lost where the MX leads to a server with a closed port.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from buttons import BUTTONS, press
from parked_world import CutoverRun, Killed, PlayedStage, PlayedWait, mx_change, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Crashed, Failed

from flows.cutover import _until_done, _wait
from flows.rollback import rollback
from flows.watch import watch
from mailmove.changes import Change, ChangeKind, HostSubject
from mailmove.errors import Blocked, RolledBack
from mailmove.evidence import Evidence, PollResult, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.engine.prefect_engine import PrefectEngine
from tasks.execution.apply_and_undo import apply_changes, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.execution.rolled_back import end_if_rolled_back, refuse_rolled_back
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, own_ledger
from tasks.ledger.payloads import Approval, Rollback
from tasks.ledger.rolled_back import fact_of
from tasks.parking.poll import Awaited
from tasks.parking.restart_crashed import cutovers_to_restart, restart
from tasks.parking.resume import parked_runs, resume
from tasks.parking.start_again import start_again
from tasks.progress.completed_steps import completed_steps, step_completed
from tasks.progress.interruptions import interruptions
from tasks.progress.rollback_stage import refuse_while_rolling_back
from tasks.reporting.status import board, statuses
from tasks.runbook import step_replaced
from tasks.stages import close_smtp_port, switch_mail

pytestmark = [pytest.mark.usefixtures("nothing_parked"), pytest.mark.timeout(600)]

WORLD = SimpleNamespace(mx="old", port="open", quiet=True, during=None, in_act=None, undoing=None)
"""mx, port: outside. Called once: `during`, in the closing's apply before it asks the fence; `in_act`, right after an
act, before it is written down; `undoing`, at the first undo.
"""


def happens(when: str) -> None:
    call = getattr(WORLD, when)
    setattr(WORLD, when, None)
    if call:
        call()


MX = mx_change("old", "new")
PORT = Change(
    kind=ChangeKind.PORT, subject=HostSubject(host="mail.contoso.com", port=25), before="open", after="closed"
)


def verbs(name: str, change: Change, field: str, question: Any) -> dict[str, Any]:
    """A stage that moves one thing outside from `before` to `after`."""

    def seen() -> Preview:
        return Preview(stage=name, changes=[change] if getattr(WORLD, field) == change.before else [])

    def make(_: Preview) -> None:
        setattr(WORLD, field, change.after)
        if name == "close_smtp_port":
            happens("in_act")

    def check(context: Context) -> Preview:
        return seen()

    def apply(context: Context, approved: str | None = None) -> Receipt:
        if name == "close_smtp_port":
            happens("during")
        return apply_changes(context, seen, make, approved=approved)

    def verify(context: Context) -> Evidence:
        return Evidence(stage=name, facts=["so it is"])

    def undo(context: Context, receipt: Receipt) -> Receipt:
        happens("undoing")
        return undo_changes(
            context,
            receipt,
            lambda: [change] if getattr(WORLD, field) == change.after else [],
            lambda: setattr(WORLD, field, change.before),
        )

    undo.__name__ = "rollback"
    return {
        "question": question,
        "check": check_task(check, name),
        "apply": apply_task(apply, name).with_options(retries=0),
        "verify": verify_task(verify, name),
        "rollback": rollback_task(undo, name),
    }


async def quiet(context: Context, previous: PollResult | None) -> PollResult:
    return PollResult(done=WORLD.quiet, summary="it is quiet" if WORLD.quiet else "mail is coming")


AWAY = "Flow run encountered an exception: ConnectError: All connection attempts failed"
SWITCH = PlayedStage(
    "switch_mail", "switch", gate="switch_mail", verbs=verbs("switch_mail", MX, "mx", switch_mail.question)
)
CLOSE = PlayedStage(
    "close_smtp_port",
    "close",
    gate="close_smtp_port",
    verbs=verbs("close_smtp_port", PORT, "port", close_smtp_port.question),
)
QUIET = PlayedWait("quiet", "until it is quiet", verbs={"poll": quiet})


@flow(name="cutover", persist_result=True, result_serializer="json")
def played(plan: Cutover) -> str:
    """As `flows/cutover.py` does it, with a runbook of three steps."""
    ledger = own_ledger(plan)
    refuse_rolled_back(ledger.entries())
    refuse_while_rolling_back(ledger)
    completed, interrupted = completed_steps(ledger.entries()), interruptions(ledger.entries())
    for step in (SWITCH, QUIET, CLOSE):
        if step.name in completed:
            continue
        end_if_rolled_back()
        if isinstance(step, PlayedWait):
            _wait(plan, Awaited(step.name), step.name)
        else:
            _until_done(plan, step, interrupted[step.name])
        step_completed(ledger, step.name)
    return "moved"


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    WORLD.mx, WORLD.port, WORLD.quiet, WORLD.during, WORLD.in_act, WORLD.undoing = "old", "open", True, None, None, None
    cast(PrefectEngine, engine()).ending_seconds = 1.0  # no worker is here that could end a process
    with ExitStack() as replaced:
        for step in (SWITCH, QUIET, CLOSE):
            replaced.enter_context(step_replaced(step))
        yield
    del cast(PrefectEngine, engine()).ending_seconds


def go_on(run: CutoverRun) -> None:
    """What a worker does with a run that is scheduled; how it went stands in its state."""
    with suppress(Abort, Blocked):
        run.go_on()


def yes(run: CutoverRun) -> None:
    resume(run.parked(), {"approve": True, "name": "anna", "reason": "go"})
    go_on(run)


def at_first_gate() -> CutoverRun:
    run = CutoverRun(played, new_plan())
    go_on(run)
    assert run.parked().name == "switch_mail"
    return run


def at_wait() -> CutoverRun:
    WORLD.quiet = False
    run = at_first_gate()
    yes(run)
    assert (run.parked().name, WORLD.mx) == ("quiet", "new")
    return run


def at_last_gate() -> CutoverRun:
    run = at_first_gate()
    yes(run)
    assert (run.parked().name, WORLD.mx, WORLD.port) == ("close_smtp_port", "new", "open")
    return run


def over() -> CutoverRun:
    run = at_last_gate()
    yes(run)
    assert (run.state, WORLD.mx, WORLD.port) == ("Completed", "new", "closed")
    return run


STANDS = {"first gate": at_first_gate, "wait": at_wait, "last gate": at_last_gate, "over": over}


OUTSIDE: list[contextvars.Context] = []
"""The context of the test itself: it knows the test's server, and no flow runs in it."""


@pytest.fixture(autouse=True)
def outside(prefect_server: None) -> None:
    OUTSIDE[:] = [contextvars.copy_context()]


def aside(call: Callable[[], Any]) -> None:
    """Call it as another process would, also from the middle of a flow run."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # raised below
            raised.append(error)

    thread = threading.Thread(target=OUTSIDE[0].copy().run, args=(run,))
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def roll_back(plan: Cutover) -> CutoverRun:
    """A whole rollback."""
    back = CutoverRun(rollback, plan)
    aside(lambda: go_on(back))
    return back


def assert_back(run: CutoverRun) -> None:
    """No mail is lost: the MX leads to the old server, and its port is open."""
    assert (WORLD.mx, WORLD.port) == ("old", "open")
    assert [question.name for question in parked_runs() if question.root.id == run.id] == [], "it asks nothing"


def press_on_run_or_question(button: str, run: CutoverRun, question: UUID | None) -> None:
    for target in filter(None, (run.id, question)):
        with suppress(ObjectNotFound):
            press(button, target)


def workers_and_watch(run: CutoverRun) -> None:
    """The watch looks, and workers take what is scheduled, for a while."""
    WORLD.quiet = True
    for _ in range(3):
        watch(stay_seconds=0)
        try:
            state = run.state
        except ObjectNotFound:
            return
        if state in ("Scheduled", "Late", "Resuming", "AwaitingRetry"):
            go_on(run)


@pytest.mark.long
@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("stands", STANDS)
def test_no_button_brings_a_cutover_on_that_was_rolled_back(stands: str, button: str) -> None:
    check_button(stands, button)


@pytest.mark.parametrize(("stands", "button"), [("last gate", "Retry"), ("wait", "Resume")])
def test_retry_and_resume_on_a_cutover_that_was_rolled_back_are_refused(stands: str, button: str) -> None:
    check_button(stands, button)


def check_button(stands: str, button: str) -> None:
    run = STANDS[stands]()
    question = run.parked().run.id if stands != "over" else None
    assert (roll_back(run.plan).state, WORLD.mx, WORLD.port) == ("Completed", "old", "open")
    press_on_run_or_question(button, run, question)
    workers_and_watch(run)
    assert_back(run)
    if button == "Delete":
        assert fact_of(run.id), "its ledger is still there"
        return
    assert run.state in ("Cancelled", "Cancelling") or (stands, run.state) == ("over", "Completed")
    (status,) = [status for status in statuses(200) if status.cutover == run.id]
    assert status.done == [] and "rolled back" in status.question and "mailmove start" in status.way_on


def test_a_process_that_lives_while_its_cutover_is_rolled_back_acts_no_more_and_stays_cancelled() -> None:
    run = at_last_gate()
    WORLD.during = lambda: roll_back(run.plan)
    yes(run)
    assert_back(run)
    assert run.state == "Cancelled" and "rolled back" in str(run.run.state.message)  # type: ignore[union-attr]
    workers_and_watch(run)
    assert_back(run)


def test_an_act_that_was_under_way_when_the_rollback_began_is_put_back_too() -> None:
    run = at_last_gate()
    WORLD.in_act = lambda: roll_back(run.plan)
    yes(run)
    workers_and_watch(run)
    assert_back(run)
    assert run.state == "Cancelled"


def test_an_act_that_lands_after_its_stage_was_put_back_is_put_back_by_the_same_rollback() -> None:
    run = over()

    def closed_again() -> None:
        """By the cutover's process, which had sent it before its run was ended."""
        WORLD.port = "closed"
        Ledger(run.plan.customer, run.id).record(EntryKind.RECEIPT, "close_smtp_port", changes=[PORT])

    def at_the_next_stage() -> None:
        WORLD.undoing = closed_again

    WORLD.undoing = at_the_next_stage
    assert roll_back(run.plan).state == "Completed"
    assert_back(run)


def test_the_fact_is_written_before_the_first_undo_and_again_at_the_end() -> None:
    run = over()

    def killed() -> None:
        raise Killed

    WORLD.undoing = killed
    with pytest.raises(Killed):
        roll_back(run.plan)
    fact = fact_of(run.id)
    assert fact and fact.ended is None and (WORLD.mx, WORLD.port) == ("new", "closed"), "nothing is undone so far"
    press("Retry", run.id)
    go_on(run)
    assert run.state == "Cancelled"
    another = CutoverRun(played, run.plan)
    go_on(another)
    assert another.state == "Failed" and "not over" in str(another.run.state.message), "each undid the other's"  # type: ignore[union-attr]
    roll_back(run.plan)
    assert_back(run)
    fact = fact_of(run.id)
    assert fact and fact.ended
    phases = [rollback.phase for _, rollback in Ledger(run.plan.customer, run.id).payloads(Rollback)]
    assert phases == ["begun", "begun", "ended"]


@pytest.mark.parametrize("end", [Crashed(message="its worker died"), Failed(message=AWAY)], ids=["crashed", "away"])
def test_the_watch_does_not_bring_back_what_was_rolled_back(end: State[Any]) -> None:
    run = at_last_gate()
    roll_back(run.plan)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, end, force=True)
    assert run.id not in [other.id for other in cutovers_to_restart()]
    assert restart(run.run) is None
    workers_and_watch(run)
    assert_back(run)
    assert run.state == "Cancelled"


def test_commands_on_what_was_rolled_back_are_refused_with_words() -> None:
    run = at_last_gate()
    question = run.parked()
    roll_back(run.plan)
    with pytest.raises(RolledBack, match=r"rolled back by somebody at .* start"):
        resume(question, {"approve": True, "name": "anna"})
    press("to Failed", run.id)
    with get_client(sync_client=True) as client:  # nothing is left but the cutover itself
        named = FlowRunFilter(name=FlowRunFilterName(any_=[f"rollback {run.plan.customer}"]))
        for other in client.read_flow_runs(flow_run_filter=named):
            client.delete_flow_run(other.id)
    with pytest.raises(Blocked, match=r"rolled back by somebody at .*mailmove start"):
        start_again(run.plan.customer)
    (status,) = [status for status in board() if status.customer == run.plan.customer]
    assert "rolled back by somebody" in status.question and not status.needs


def test_a_new_cutover_starts_from_the_beginning_and_no_old_approval_counts() -> None:
    old = at_last_gate()
    back = roll_back(old.plan)
    new = CutoverRun(played, old.plan)
    go_on(new)
    assert (new.parked().name, WORLD.mx) == ("switch_mail", "old"), "it was approved, and that does not count"
    yes(new)
    yes(new)
    assert (new.state, WORLD.mx, WORLD.port) == ("Completed", "new", "closed")
    entries = Ledger(old.plan.customer, new.id).entries_of_customer()
    assert {entry.cutover for entry in entries} == {old.id, new.id}, "the customer's ledger keeps both"
    assert len([entry for entry in entries if isinstance(entry.payload, Approval)]) == 3

    press("Retry", back.id)  # the old rollback belongs to the old cutover, whichever is the newest by now
    aside(lambda: go_on(back))
    assert (WORLD.mx, WORLD.port) == ("new", "closed")
    assert fact_of(new.id) is None
    roll_back(old.plan)
    assert_back(new)
