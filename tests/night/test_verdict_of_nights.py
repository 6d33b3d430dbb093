"""What the nights call a sin, and what they model of Prefect's states: on shelves that are written here."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from lab.nights.bad_luck import Button
from lab.nights.playing import ends_within
from lab.nights.run_states import claimant, claimed, end_with, press, set_state, state_of, suspend
from lab.nights.shelf import Shelf
from lab.nights.verdict import sins_of


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


def act(shelf: Shelf, run: str, state: str, *, fence: str = "", whose: str = "cutover") -> None:
    shelf.put("act", run, label=f"POST /{run}", fence=fence, state=state, whose=whose)


def begin_rollback(shelf: Shelf) -> str:
    """Returns the state of its run; its first entry is written."""
    shelf.put("back", "rollback")
    state = set_state(shelf, "rollback", "Running")
    shelf.put("table", "ledger-northwind", data="[]", run="night", by="rollback")
    return state


def test_a_night_without_bad_luck_has_no_sins(shelf: Shelf) -> None:
    act(shelf, "night", set_state(shelf, "night", "Running"))
    end_with(shelf, "night", "Completed")
    assert sins_of(shelf) == []


def test_an_act_after_the_rollback_began_is_one_whatever_the_fence_said_afterwards(shelf: Shelf) -> None:
    state = set_state(shelf, "night", "Running")
    act(shelf, "rollback", begin_rollback(shelf), whose="rollback")
    assert sins_of(shelf) == [], "the rollback itself acts"
    shelf.put("fence", "after")
    act(shelf, "night", state, fence="after")
    assert sins_of(shelf) == ["an act of the cutover after its rollback began: POST /night (1 in all)"]


def test_an_act_whose_fence_was_passed_before_cannot_be_called_back(shelf: Shelf) -> None:
    state = set_state(shelf, "night", "Running")
    shelf.put("fence", "before")
    begin_rollback(shelf)
    act(shelf, "night", state, fence="before")
    assert sins_of(shelf) == []


def test_a_question_of_a_cutover_that_is_rolled_back_is_one(shelf: Shelf) -> None:
    begin_rollback(shelf)
    shelf.put("question", "wait[switch_mail.rolled_back]#1", text="it waits", number=1, root="rollback")
    assert sins_of(shelf) == []
    shelf.put("question", "gate[close_smtp_port]#1", text="Close the old door?\n- more", number=1, root="night")
    assert sins_of(shelf) == [
        "a cutover that is rolled back asks: gate[close_smtp_port]#1: Close the old door? (1 in all)"
    ]


def test_an_act_of_a_process_whose_run_was_given_to_another_one_is_one(shelf: Shelf) -> None:
    first = set_state(shelf, "night", "Running")
    set_state(shelf, "night", "AwaitingRetry")
    second = set_state(shelf, "night", "Running")
    act(shelf, "night", second)
    assert sins_of(shelf) == []
    act(shelf, "night", first)
    assert sins_of(shelf) == ["an act of a process whose run is Running: POST /night (1 in all)"]


def test_two_cutovers_that_act_are_one(shelf: Shelf) -> None:
    for run in ("night", "other"):
        act(shelf, run, set_state(shelf, run, "Running"))
    assert sins_of(shelf) == ["two cutovers of one customer have acted: night (2 in all)"]


@pytest.mark.parametrize(
    ("was", "button", "becomes", "starts"),
    [
        ("Running", "retry", "AwaitingRetry", True),
        ("Completed", "retry", "AwaitingRetry", True),
        ("Cancelled", "resume", "Cancelled", False),
        ("Suspended", "resume", "Resuming", True),
        ("Suspended", "answer", "Resuming", True),
        ("Failed", "answer", "Failed", False),
        ("Running", "cancel", "Cancelled", False),
        ("Cancelled", "restart", "AwaitingRetry", True),
        ("Running", "restart", "Running", False),
        ("Crashed", "watch", "AwaitingRetry", True),
        ("Cancelled", "watch", "Cancelled", False),
        ("deleted", "retry", "deleted", False),
    ],
)
def test_buttons_make_of_a_state_what_prefect_makes_of_it(
    shelf: Shelf, was: str, button: Button, becomes: str, starts: bool
) -> None:
    set_state(shelf, "night", was)
    assert (press(shelf, "night", button), state_of(shelf, "night")[1]) == (starts, becomes)


def test_the_end_of_a_process_overwrites_cancelled_and_parking_does_not(shelf: Shelf) -> None:
    set_state(shelf, "night", "Cancelled")
    suspend(shelf, "night")
    assert state_of(shelf, "night")[1] == "Cancelled"
    end_with(shelf, "night", "Failed")
    assert state_of(shelf, "night")[1] == "Failed"


def test_of_two_claims_one_counts_until_its_run_is_over(shelf: Shelf) -> None:
    for run in ("night", "other"):
        set_state(shelf, run, "Running")
    assert claimed(shelf, "northwind", "night", "None")
    assert not claimed(shelf, "northwind", "other", "None")
    assert claimed(shelf, "northwind", "rollback", "night"), "the rollback takes it over"
    assert claimant(shelf, "northwind") == "rollback"
    set_state(shelf, "rollback", "Completed")
    assert claimant(shelf, "northwind") is None
    assert claimed(shelf, "northwind", "other", "None")


def test_a_night_without_an_end_is_ended() -> None:
    with pytest.raises(TimeoutError, match="the night has no end: it goes on after 1 s"), ends_within(1):
        threading.Event().wait(30)


def test_a_night_that_ends_in_time_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with ends_within(1):
        assert signal.alarm(0) > 0, "set"
    assert (signal.alarm(0), signal.getsignal(signal.SIGALRM)) == (0, before)
