"""A wait whose other side does not answer: polled ever more seldom, asked about once, written down once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from memory_engine import MemoryEngine
from parked_world import PlayedWait, new_plan

from mailmove.clock import Clock, clock_set, now
from mailmove.errors import Blocked, MailmoveError, NotYet, Overdue, Transient
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.parking.due_polls import is_to_resume
from tasks.parking.poll import (
    LONGEST_PAUSE,
    REJECTED,
    UNREACHABLE,
    Awaited,
    is_to_remember,
    keep_result,
    last_result,
    poll_once,
    says_nothing_new,
    unable_to_try,
)
from tasks.runbook import step_replaced

WORDS = {"who": "mail.contoso.com", "wanted": "the log", "todo": "See that it runs."}


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    with running_on(MemoryEngine()) as engine:
        yield engine


def error(kind: type[MailmoveError], seen: str, **more: Any) -> MailmoveError:
    return kind(WORDS["who"], wanted=WORDS["wanted"], seen=seen, todo=WORDS["todo"], **more)


class Polled:
    """A wait that is polled at its due times, and kept as the watch keeps it."""

    def __init__(self, plan: Cutover, fails_with: Any) -> None:
        self.plan, self.fails_with, self.run, self.ahead = plan, fails_with, uuid4(), timedelta(0)
        self.times = list[timedelta]()
        self.asked = list[str]()
        self.result: PollResult | None = None

    def until(self, end: timedelta) -> None:
        async def poll(context: Context, previous: PollResult | None) -> PollResult:
            failure = self.fails_with()
            if failure:
                raise failure
            return PollResult(done=False, summary="nothing arrives")

        with step_replaced(PlayedWait("quiet", "until it is quiet", verbs={"poll": poll})):
            while self.ahead < end:
                with clock_set(Clock(ahead=self.ahead)):
                    self._once()
                    assert self.result is not None
                    pause = (self.result.next_poll - now()).total_seconds() if self.result.next_poll else 60.0
                self.ahead += timedelta(seconds=max(pause, 2.0))

    def _once(self) -> None:
        previous = last_result(self.run)
        result = asyncio.run(poll_once(self.plan, uuid4(), Awaited("quiet"), previous))
        self.times.append(self.ahead)
        if is_to_resume(result):  # the wait polls itself, and parks with the question
            self.asked.append(str(result.asks))
            result = result.model_copy(update={"parked_with": result.asks})
        if not says_nothing_new(result, previous):
            keep_result(self.run, result)
        elif is_to_remember(result, previous):
            keep_result(self.run, result, previous)
        self.result = result


def test_a_server_that_is_gone_for_a_day_is_asked_seldom_asked_about_once_and_written_down_twice(
    memory: MemoryEngine,
) -> None:
    wait = Polled(new_plan(), lambda: error(Transient, f"timed out (request {uuid4()})"))
    wait.until(timedelta(hours=24))
    assert len(wait.times) < 110
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(wait.times)]
    assert all(later >= earlier - 1 for earlier, later in pairwise(pauses)), "ever more seldom"
    assert max(pauses) <= LONGEST_PAUSE + 1
    assert wait.asked == [UNREACHABLE]
    assert len(memory.store.tables[f"poll-{wait.run}"]) == 2, "that it fails, and that a person is asked"


def test_the_plan_says_how_long_nobody_is_asked(memory: MemoryEngine) -> None:
    plan = new_plan()
    plan = plan.model_copy(update={"sweep": plan.sweep.model_copy(update={"patience_hours": 0.5})})
    wait = Polled(plan, lambda: error(Transient, "timed out"))
    wait.until(timedelta(minutes=29))
    assert wait.asked == []
    wait.until(timedelta(minutes=60))
    assert wait.asked == [UNREACHABLE]


def test_what_trying_again_does_not_help_asks_at_the_third_time(memory: MemoryEngine) -> None:
    wait = Polled(new_plan(), lambda: error(Blocked, "401", code="401"))
    wait.until(timedelta(hours=2))
    assert wait.asked == [REJECTED]
    assert wait.times[2] < timedelta(minutes=1)
    assert len(wait.times) < 20, "an account that is locked by our tries stays locked"


def test_a_server_that_comes_back_is_polled_as_before_and_the_next_outage_counts_anew(memory: MemoryEngine) -> None:
    gone = [True]
    wait = Polled(new_plan(), lambda: error(Transient, "timed out") if gone[0] else None)
    wait.until(timedelta(hours=3))
    gone[0] = False
    wait.until(timedelta(hours=4))
    assert wait.result is not None
    assert (wait.result.failures, wait.result.failing_since, wait.result.failed_with) == (0, None, "")
    gone[0] = True
    wait.until(timedelta(hours=7))
    assert wait.asked == []


def test_what_is_just_not_so_yet_is_no_failure(memory: MemoryEngine) -> None:
    wait = Polled(new_plan(), lambda: error(NotYet, "not yet"))
    wait.until(timedelta(hours=6))
    assert (wait.asked, wait.result and wait.result.failures) == ([], 0)
    overdue = Polled(new_plan(), lambda: error(Overdue, "not yet", asks="Go on without it?"))
    overdue.until(timedelta(hours=1))
    assert overdue.asked == ["Go on without it?"]


def test_a_rollback_that_cannot_be_tried_asks_after_the_patience_too() -> None:
    plan, failure = new_plan(), error(Transient, "timed out")
    result: PollResult | None = None
    for hours in (0.0, 2.0, 3.9, 4.1):
        with clock_set(Clock(ahead=timedelta(hours=hours))):
            result = unable_to_try(failure, result, plan)
            assert result.asks == (UNREACHABLE if hours > 4 else None)


def test_state_and_picture_take_the_place_of_those_before(memory: MemoryEngine) -> None:
    run, first = uuid4(), PollResult(done=False, summary="12 of 25", state={"polls": 1}, picture="#")
    keep_result(run, first)
    second = first.model_copy(update={"state": {"polls": 2}, "picture": "##", "forecast": now()})
    assert says_nothing_new(second, first) and is_to_remember(second, first)
    keep_result(run, second, first)
    assert len(memory.store.tables[f"poll-{run}"]) == len(memory.store.pages[f"picture-{run}"]) == 1
    known = last_result(run)
    assert known is not None and known.state == {"polls": 2}
    keep_result(run, second.model_copy(update={"summary": "13 of 25"}), second)
    assert len(memory.store.tables[f"poll-{run}"]) == 2
