"""What is due in a moment is waited out in the process; everything else parks at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from parked_world import PlayedWait, new_plan

from flows.wait import WAITED_OUT, _poll
from mailmove.clock import Clock, clock_set, now
from mailmove.evidence import PollResult
from tasks.execution.context import Context
from tasks.parking.poll import Awaited
from tasks.runbook import step_replaced

Polled = Callable[..., tuple[PollResult, list[float]]]


class NotingClock(Clock):
    """It sleeps for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)


@pytest.fixture
def polled() -> Polled:
    """Seconds from now at which each poll forecasts the end (None: it does not say) -> (last result, sleeps)."""

    def play(*forecasts: float | None) -> tuple[PollResult, list[float]]:
        left, clock = list(forecasts), NotingClock()

        async def poll(context: Context, previous: PollResult | None) -> PollResult:
            if not left:
                return PollResult(done=True, summary="it has come")
            seconds = left.pop(0)
            due = None if seconds is None else now() + timedelta(seconds=seconds)
            return PollResult(done=False, summary="not yet", forecast=due)

        with step_replaced(PlayedWait("quiet", "until it is quiet", verbs={"poll": poll})), clock_set(clock):
            return _poll(new_plan(), uuid4(), Awaited("quiet"), None), clock.sleeps

    return play


def test_a_moment_is_waited_out(polled: Polled) -> None:
    result, sleeps = polled(3.0, 0.5)
    assert result.done
    assert [round(seconds, 1) for seconds in sleeps] == [3.0, 0.5]


@pytest.mark.parametrize("forecast", [None, -5.0, WAITED_OUT.total_seconds() + 1, 3600.0])
def test_what_takes_longer_or_is_not_known_parks(polled: Polled, forecast: float | None) -> None:
    result, sleeps = polled(forecast)
    assert (result.done, sleeps) == (False, [])


def test_a_moment_that_never_comes_parks(polled: Polled) -> None:
    result, sleeps = polled(9.9, WAITED_OUT.total_seconds() + 0.5)
    assert (result.done, len(sleeps)) == (False, 1), "it has stayed as long as it may"
