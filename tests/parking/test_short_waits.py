"""What is due in a moment is waited out in the process; everything else parks at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import Mock
from uuid import uuid4

import pytest

import flows.wait
from flows.wait import WAITED_OUT, _look
from mailmove.evidence import PollResult, now


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[PollResult, list[float]]]:
    """Seconds from now at which each look forecasts the end (None: it does not say) -> (the last look, the sleeps)."""

    def plays(*forecasts: float | None) -> tuple[PollResult, list[float]]:
        left, sleeps = list(forecasts), []

        async def look_once(*_: object) -> PollResult:
            if not left:
                return PollResult(done=True, summary="it has come")
            seconds = left.pop(0)
            due = None if seconds is None else now() + timedelta(seconds=seconds)
            return PollResult(done=False, summary="not yet", forecast=due)

        monkeypatch.setattr(flows.wait, "look_once", look_once)
        monkeypatch.setattr(flows.wait.time, "sleep", sleeps.append)
        return _look(Mock(), uuid4(), "quiet", None), sleeps

    return plays


def test_a_moment_is_waited_out(looked: Callable[..., tuple[PollResult, list[float]]]) -> None:
    seen, sleeps = looked(3.0, 0.5)
    assert seen.done
    assert [round(one, 1) for one in sleeps] == [3.0, 0.5]


@pytest.mark.parametrize("forecast", [None, -5.0, WAITED_OUT.total_seconds() + 1, 3600.0])
def test_what_takes_longer_or_is_not_known_parks(
    looked: Callable[..., tuple[PollResult, list[float]]], forecast: float | None
) -> None:
    seen, sleeps = looked(forecast)
    assert (seen.done, sleeps) == (False, [])


def test_a_moment_that_never_comes_parks(looked: Callable[..., tuple[PollResult, list[float]]]) -> None:
    seen, sleeps = looked(9.9, WAITED_OUT.total_seconds() + 0.5)
    assert (seen.done, len(sleeps)) == (False, 1), "it has stayed as long as it may"
