"""A day in which nothing happens costs next to nothing: `idle_day.py` says what of it is simulated."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from idle_day import play

from tasks.parking.poll import UNREACHABLE

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

_WHOLE = "SOAK" in os.environ
HOURS = float(os.environ.get("MAILMOVE_IDLE_HOURS", "24" if _WHOLE else "5"))
HEALTHY, LOST = (int(n) for n in os.environ.get("MAILMOVE_IDLE_RUNS", "50,20" if _WHOLE else "6,3").split(","))
"""`make soak` plays the whole day of fifty and twenty; `make long` as many hours as the patience of a plan takes."""


def test_fifty_that_wait_and_twenty_whose_server_is_gone(tmp_path: Path) -> None:
    day = play(tmp_path / "box", healthy_ones=HEALTHY, lost_ones=LOST, hours=HOURS)
    polls = sorted(day.polls.values())
    sys.stderr.write(
        f"{HOURS:g} h: {day.grown / 1e6:.1f} MB, {day.megabytes_a_day:.1f} MB a day; {day.rows}; "
        f"polls of each: {polls[:LOST]} {polls[LOST:]}; by hour {[size // 1000 for size in day.bytes_by_hour]}\n"
    )
    assert day.megabytes_a_day <= 20
    patience_has_ended = HOURS > 4.5
    for customer, asked in day.questions.items():
        lost = customer.startswith("lost")
        assert len(asked) == (2 if lost and patience_has_ended else 1), asked
        assert (UNREACHABLE in asked[-1]) == (lost and patience_has_ended)
        assert day.versions[customer] <= 4, "only what is new"
    assert max(polls[:LOST]) <= 20 + 4 * HOURS, "ever more seldom: each quarter of an hour at the most"
