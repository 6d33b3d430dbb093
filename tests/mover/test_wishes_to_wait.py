"""A server's wish to wait is followed for ten minutes, then it is asked again: nobody is held for ever."""

from __future__ import annotations

import math

import pytest

from mailmove.items.copy.rate_limits import LONGEST_HOLD, UNLIMITED, Pace, bounded


@pytest.mark.parametrize("wish", [1e15, math.inf, math.nan, 86_400.0])
def test_a_wish_without_end_is_bounded(wish: float) -> None:
    slept: list[float] = []
    pace = Pace(UNLIMITED, clock=lambda: sum(slept), sleep=slept.append)
    pace.hold(wish)
    with pace.slot():
        pass
    assert slept == [LONGEST_HOLD]


def test_a_sensible_wish_is_followed_and_one_for_the_past_is_none() -> None:
    assert [bounded(wish) for wish in (5.0, 300.0, -7.0)] == [5.0, 300.0, 0.0]
