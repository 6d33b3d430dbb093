"""One run a customer: of many starts at once one goes on, and the others end with words before any act."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Late,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    Submitting,
    Suspended,
)

from flows.gate import gate
from flows.rollback import rollback
from mailmove.clock import Clock, clock_set
from mailmove.errors import Blocked
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.engine.prefect_claims import PREFIX, claim_for, claim_of
from tasks.engine.prefect_internals import delete_variable, keyed_by
from tasks.engine.run_ends import FRESH, MOST_RESTARTS, REFUSED
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, read_entries
from tasks.ledger.payloads import Rollback
from tasks.parking.forms import GATE_FLOW, PARKED
from tasks.parking.one_run import adopt, reserve
from tasks.parking.restart_crashed import cutovers_to_restart
from tasks.parking.resume import parked_runs
from tasks.parking.start_again import start_again
from tasks.reporting.status import board, statuses

pytestmark = pytest.mark.usefixtures("nothing_parked")


@flow(name="cutover", persist_result=True, result_serializer="json")
def cutover_that_parks(plan: Cutover) -> str:
    """As the real one begins, and with its first act."""
    engine().claim(plan.customer)
    Ledger(plan.customer, engine().root_run()).record(EntryKind.INTENT, "lower_ttl")
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", Preview(stage="switch_mail"))


@flow(name="cutover")
def cutover_that_acts(plan: Cutover) -> str:
    engine().claim(plan.customer)
    BETWEEN.pop(plan.customer, lambda: None)()
    engine().fence()
    Ledger(plan.customer, engine().root_run()).record(EntryKind.INTENT, "lower_ttl")
    return "acted"


BETWEEN: dict[str, Callable[[], Any]] = {}
"""Customer -> what happens between the claim and the first act of its next run."""


def go_on(run: CutoverRun) -> Any:
    """What it returned; the Abort by which it was left."""
    try:
        return run.go_on()
    except Abort as signal:
        return signal


def at_once(*runs: CutoverRun) -> None:
    """All start at the same moment, each as a process of its own would: no context is shared."""
    with ThreadPoolExecutor(len(runs)) as processes:
        list(processes.map(lambda pair: pair[0].run(go_on, pair[1]), [(copy_context(), run) for run in runs]))


def owner(customer: str) -> UUID | None:
    with get_client(sync_client=True) as client:
        claim = claim_of(client, customer)
    return claim.run if claim else None


def put(run: CutoverRun, state: State[Any]) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, state, force=True)


def having(plan: Cutover, state: State[Any]) -> CutoverRun:
    """A run that has the customer, and now stands in this state."""
    run = CutoverRun(cutover_that_acts, plan)
    assert run.go_on() == "acted"
    put(run, state)
    return run


def test_of_eight_starts_at_once_one_goes_on_and_seven_end_with_words_before_any_act() -> None:
    plan = new_plan()
    runs = [CutoverRun(cutover_that_parks, plan) for _ in range(8)]
    at_once(*runs)
    assert Counter(run.state for run in runs) == {"Suspended": 1, REFUSED: 7}
    (winner,) = [run for run in runs if run.state == "Suspended"]
    assert {entry.cutover for entry in read_entries(plan.customer)} == {winner.id}
    assert owner(plan.customer) == winner.id
    for run in runs:
        if run is not winner:
            words = run.run.state.message or ""  # type: ignore[union-attr]
            assert str(winner.id) in words and "mailmove status" in words
            assert re.search(r"has it since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", words), words


def test_the_winner_goes_on_through_all_its_lives() -> None:
    plan = new_plan()
    run = CutoverRun(cutover_that_parks, plan)
    assert go_on(run) is None and run.state == "Suspended"
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run.parked().run.id, run_input={"approve": True, "name": "anna", "reason": ""})
        client.resume_flow_run(run.id)
    assert isinstance(go_on(run), str) and run.state == "Completed"


NOT_OVER = {
    "Scheduled for tomorrow": Scheduled(),
    "Late": Late(),
    "Pending": Pending(),
    "Submitting": Submitting(),
    "Running": Running(),
    "Retrying": Retrying(),
    "AwaitingRetry": AwaitingRetry(),
    "Paused": Paused(),
    "Suspended": Suspended(),
    "Cancelling": Cancelling(),
    "Crashed": Crashed(),
    "server away": Failed(message="Flow run encountered an exception: ConnectError: no"),
    "Bewitched": State(type=StateType.RUNNING, name="Bewitched"),
}
OVER = {"Completed": Completed(), "Failed": Failed(message="by itself"), "Cancelled": Cancelled()}


@pytest.mark.long
@pytest.mark.parametrize("state", NOT_OVER.values(), ids=NOT_OVER.keys())
def test_a_run_that_is_not_over_keeps_its_customer(state: State[Any]) -> None:
    plan = new_plan()
    first = having(plan, state)
    second = CutoverRun(cutover_that_acts, plan)
    assert isinstance(go_on(second), Abort)
    assert (second.state, owner(plan.customer)) == (REFUSED, first.id)
    assert {entry.cutover for entry in read_entries(plan.customer)} == {first.id}


@pytest.mark.long
@pytest.mark.parametrize("state", OVER.values(), ids=OVER.keys())
def test_the_end_of_a_run_frees_its_customer_for_one_of_many(state: State[Any]) -> None:
    plan = new_plan()
    having(plan, state)
    runs = [CutoverRun(cutover_that_parks, plan) for _ in range(6)]
    at_once(*runs)
    assert Counter(run.state for run in runs) == {"Suspended": 1, REFUSED: 5}


def test_a_deleted_run_and_one_that_crashed_for_good_free_it() -> None:
    plan = new_plan()
    first = having(plan, Running())
    with get_client(sync_client=True) as client:
        client.delete_flow_run(first.id)
    second = CutoverRun(cutover_that_acts, plan)
    assert go_on(second) == "acted"
    put(second, Crashed())
    assert isinstance(go_on(CutoverRun(cutover_that_acts, plan)), Abort), "the watch restarts it"
    with clock_set(Clock(ahead=FRESH + timedelta(minutes=1))):
        third = CutoverRun(cutover_that_acts, plan)
        assert go_on(third) == "acted", "too old to be restarted"
    with get_client(sync_client=True) as client:
        for _ in range(MOST_RESTARTS + 1):
            client.set_flow_run_state(third.id, Crashed(message=uuid4().hex), force=True)
    assert go_on(CutoverRun(cutover_that_acts, plan)) == "acted", "too often"


def test_a_retry_of_one_whose_customer_another_has_by_now_is_refused() -> None:
    plan = new_plan()
    first = having(plan, Failed(message="by itself"))
    second = having(plan, Suspended())
    put(first, AwaitingRetry())
    assert isinstance(go_on(first), Abort)
    assert (first.state, owner(plan.customer)) == (REFUSED, second.id)
    with pytest.raises(Blocked, match=str(second.id)):
        put(first, Cancelled())
        put(second, Running())
        reserve(plan.customer, first.id)


def test_whoever_loses_its_customer_between_claim_and_act_does_not_act() -> None:
    plan, other = new_plan(), uuid4()
    first = CutoverRun(cutover_that_acts, plan)

    def another_takes_it() -> None:
        with get_client(sync_client=True) as client:
            known = claim_of(client, plan.customer)
            assert known is not None
            delete_variable(client, known.id)
            taker = CutoverRun(cutover_that_acts, plan)
            assert claim_for(client, plan.customer, taker.id) is None

    BETWEEN[plan.customer] = another_takes_it
    assert isinstance(go_on(first), Abort)
    assert (first.state, read_entries(plan.customer)) == ("Cancelled", [])
    assert owner(plan.customer) not in (first.id, other, None)


def test_a_claim_that_a_person_deleted_is_made_again_by_the_next_act_or_by_the_watch() -> None:
    plan = new_plan()
    first = CutoverRun(cutover_that_acts, plan)

    def deleted() -> None:
        with get_client(sync_client=True) as client:
            client.delete_variable_by_name(PREFIX + plan.customer)

    BETWEEN[plan.customer] = deleted
    assert go_on(first) == "acted" and owner(plan.customer) == first.id
    parked = CutoverRun(cutover_that_parks, new_plan())
    go_on(parked)
    with get_client(sync_client=True) as client:
        client.delete_variable_by_name(PREFIX + parked.plan.customer)
    (line,) = adopt(parked_runs())
    assert owner(parked.plan.customer) == parked.id and adopt(parked_runs()) == [], line


def test_a_claim_that_nobody_can_read_asks_a_person() -> None:
    plan = new_plan()
    with get_client(sync_client=True) as client:
        client.request("POST", "/variables/", json={"name": PREFIX + plan.customer, "value": "mine"})
    run = CutoverRun(cutover_that_acts, plan)
    assert isinstance(go_on(run), Abort)
    assert f"delete it if nothing runs for {plan.customer}" in (run.run.state.message or "")  # type: ignore[union-attr]


# --- rollback ------------------------------------------------------------------------------------------------------


def test_a_rollback_takes_the_customer_from_its_living_cutover_and_no_start_comes_between() -> None:
    plan = new_plan()
    cutover = having(plan, Running())
    back = CutoverRun(rollback, plan)
    at_once(back, *(CutoverRun(cutover_that_acts, plan) for _ in range(3)))
    assert cutover.state == "Cancelled"
    entries = read_entries(plan.customer)
    assert entries[0].cutover == cutover.id
    written = {entry.cutover for entry in entries if not isinstance(entry.payload, Rollback)}
    assert written <= {cutover.id}, "of the others there is at most that they were ended before they began"
    assert owner(plan.customer) == back.id


def test_of_two_rollbacks_at_once_one_is_refused_at_the_latest_before_its_first_act() -> None:
    plan = new_plan()
    cutover = having(plan, Suspended())
    first, second = CutoverRun(rollback, plan), CutoverRun(rollback, plan)
    put(first, Running())
    with get_client(sync_client=True) as client:
        assert claim_for(client, plan.customer, first.id, instead_of=cutover.id) is None
    assert isinstance(go_on(second), Abort)
    assert (second.state, cutover.state) == (REFUSED, "Suspended"), "before any act"


def test_a_rollback_ends_a_cutover_that_has_not_written_anything_yet() -> None:
    plan = new_plan()
    cutover = CutoverRun(cutover_that_acts, plan)
    ended = list[Any]()
    BETWEEN[plan.customer] = lambda: ended.append(go_on(CutoverRun(rollback, plan)))
    assert isinstance(go_on(cutover), Abort)
    assert cutover.state == "Cancelled"
    assert not [entry for entry in read_entries(plan.customer) if entry.kind is EntryKind.INTENT]


def test_a_rollback_of_the_last_cutover_ends_the_one_to_come_too() -> None:
    """Nobody who rolls back wants the next one tonight; and a start that waits must not bar the way back."""
    plan = new_plan()
    done = having(plan, Completed())
    to_come = CutoverRun(cutover_that_acts, plan)
    reserve(plan.customer, to_come.id)
    back = CutoverRun(rollback, plan)
    go_on(back)
    assert (back.state, to_come.state, done.state) == ("Completed", "Cancelled", "Completed")


# --- what a command reserves ---------------------------------------------------------------------------------------


def test_a_start_for_tonight_has_its_customer_at_once_and_two_commands_are_one_start() -> None:
    plan = new_plan()
    runs = [CutoverRun(cutover_that_parks, plan) for _ in range(6)]
    refused = list[UUID]()

    def command(run: CutoverRun) -> None:
        try:
            reserve(plan.customer, run.id)
        except Blocked as error:
            refused.append(run.id)
            assert "has it since" in str(error)

    with ThreadPoolExecutor(6) as commands:
        list(commands.map(command, runs))
    assert len(refused) == 5
    (first,) = [run for run in runs if run.id not in refused]
    assert (first.state, {run.state for run in runs if run is not first}) == ("Scheduled", {REFUSED})
    assert isinstance(go_on(CutoverRun(cutover_that_acts, plan)), Abort), "from the UI, meanwhile"
    assert go_on(first) is None and first.state == "Suspended"


# --- who sees what -------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("state", NOT_OVER.values(), ids=NOT_OVER.keys())
def test_board_and_status_show_every_run_that_is_not_over_and_no_refused_one_hides_it(state: State[Any]) -> None:
    plan = new_plan()
    first = having(plan, state)
    late = CutoverRun(cutover_that_acts, plan)
    assert isinstance(go_on(late), Abort)
    assert [status.cutover for status in board() if status.customer == plan.customer] == [first.id]
    for _ in range(3):
        having(new_plan(), Completed())
    assert first.id in {status.cutover for status in statuses(limit=1)} or state.is_final()


def test_several_runs_of_a_customer_that_are_not_over_are_all_shown() -> None:
    plan = new_plan()
    first, to_come = having(plan, Suspended()), CutoverRun(cutover_that_acts, plan)
    put(to_come, Scheduled())
    assert {status.cutover for status in board() if status.customer == plan.customer} == {first.id, to_come.id}


def test_a_refused_run_is_neither_restarted_nor_in_the_way_of_a_restart() -> None:
    plan = new_plan()
    first = having(plan, Crashed())
    refused = CutoverRun(cutover_that_acts, plan)
    assert isinstance(go_on(refused), Abort) and refused.state == REFUSED
    to_come = CutoverRun(cutover_that_acts, plan)
    put(to_come, Scheduled())
    assert {run.id for run in cutovers_to_restart()} & {first.id, refused.id, to_come.id} == {first.id}
    put(first, Failed(message="by itself"))
    put(to_come, Cancelled(name=REFUSED))
    assert start_again(plan.customer).run == first.id
