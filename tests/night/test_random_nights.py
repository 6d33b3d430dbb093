"""The short form of `make soak`: a few nights drawn by seeds that were hard once, and one that nobody has seen."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.faults import KNOWN
from lab.nights.bad_luck import BUTTONS, PARKED
from lab.nights.drawing import EVENTS, LASTING, PASSING, draw
from lab.nights.nursery import Nursery
from lab.nights.playing import play

pytestmark = [pytest.mark.night, pytest.mark.timeout(900)]

HARD = 2
"""kill -9 while the MX is switched, a stranger's yes, somebody puts the MX back, and then a way back."""
LONGER = (28, 48, 207, 358, 365, None)
"""28: a second start while the first one lives. 48: the power fails in the midst of a rollback, then the buttons.
207: MX put back under a sweep, beside a liar of a resolver. 358: MX put back before the last stage. 365: EWS is gone
for good when the last sync is asked for. None: one that nobody has seen."""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "log") as nursery:
        yield nursery


_SOAK = pytest.mark.skipif("SOAK" not in os.environ, reason="a minute a night; `make soak` runs it")


@pytest.mark.parametrize("seed", [HARD, *(pytest.param(seed, marks=_SOAK) for seed in LONGER)])
def test_a_randomised_night_loses_nothing(seed: int | None, nursery: Nursery, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1000, 10**6) if seed is None else seed
    outcome = play(seed, tmp_path, nursery).outcome
    told = [f"replay it with `make soak SEED={seed}`", *draw(seed).lines(), *outcome.wrong, *outcome.killed]
    assert outcome.wrong == [], "\n".join(told)


def test_a_seed_stands_for_one_night_and_thirty_faults_are_drawn() -> None:
    assert draw(7) == draw(7)
    nights = [draw(seed) for seed in range(300)]
    drawn = {fault.name for night in nights for fault in night.faults}
    assert drawn == {*PASSING, *LASTING} - {"certificate", "mx"}
    assert drawn <= KNOWN.keys()
    assert {what for night in nights for what, _ in night.events} == set(EVENTS)
    assert len(drawn | set(EVENTS)) >= 30
    assert {death["phase"] for night in nights for death in night.deaths} == {"before", "during", "after", "line"}
    assert any(night.rollback_at for night in nights)
    assert any(not night.mends for night in nights)
    blows = [blow for night in nights for blow in night.blows]
    assert {blow.what for blow in blows} == {"rollback", "double start", "power cut", "retry"}
    assert {button for blow in blows for button in blow.buttons} == set(BUTTONS)
    assert any(blow.nth == PARKED for blow in blows) and any(blow.cut for blow in blows)
