"""Play the night of a seed: town up, walk, judge, town down."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.faults import Faults
from lab.hostile import be_hostile
from lab.nights.cruelty import inflict
from lab.nights.drawing import Drawn, draw
from lab.nights.judge import judge
from lab.nights.night import Night, Outcome
from lab.nights.nursery import Nursery, Second
from lab.town import Town


@dataclass
class Played:
    seed: int
    outcome: Outcome

    def line(self) -> str:
        outcome = self.outcome
        line = f"seed {self.seed}: {outcome.ended}, {outcome.seconds:.1f} s, {outcome.lives} lives"
        line += f", {len(outcome.killed)} killed"
        line += f", {len(outcome.troubles)} troubles" if outcome.troubles else ""
        line += f", struck by {len(outcome.blows)}" if outcome.blows else ""
        return line + (f"; WRONG: {'; '.join(outcome.wrong)[:300]}" if outcome.wrong else "")


def play(seed: int, folder: Path, nursery: Nursery | None = None, second: Second | None = None) -> Played:
    """The night of a seed in a town of its own. folder: for its shelf, and the log of nurseries that are not given."""
    return play_drawn(draw(seed), folder, nursery, second)


def play_drawn(drawn: Drawn, folder: Path, nursery: Nursery | None = None, second: Second | None = None) -> Played:
    """`play` of a night that somebody has drawn, or made up."""
    if nursery is None:
        with Nursery(folder / "nursery.log") as own:
            return play_drawn(drawn, folder, own, second)
    if second is None:
        with ExitStack() as stack:
            other = cache(lambda: stack.enter_context(Nursery(folder / "second.log")))
            return play_drawn(drawn, folder, nursery, other)
    faults = Faults()
    for quirk in drawn.quirks:
        faults.set(quirk)
    with Town(dns=drawn.dns, faults=faults, **drawn.town) as town:
        first = town.picture()
        night = Night(drawn, town, nursery, folder, second)
        be_hostile(faults, drawn.hostile)
        if drawn.cruelty:
            night.outcome.sick = inflict(drawn.cruelty, town)
        outcome = night.walk()
        town.faults.clear()
        judge(town, first, outcome)
        outcome.blows = night.blows.struck
    return Played(drawn.seed, outcome)


_NURSERIES: dict[Path, Nursery] = {}
"""Of this process, with which they end."""


def _nursery(log: Path) -> Nursery:
    if log not in _NURSERIES:
        _NURSERIES[log] = Nursery(log).__enter__()
    return _NURSERIES[log]


LONGEST_NIGHT = 3600
"""Seconds after which a night counts as one without an end. Most take two minutes; a rollback under a Graph that is
down for good has five minutes' patience for each stage that needs it."""


@contextmanager
def ends_within(seconds: int) -> Iterator[None]:
    """`TimeoutError` in this process's main thread, where it must be called, if the body is not over in time."""

    def strike(number: int, frame: object) -> None:
        raise TimeoutError(f"the night has no end: it goes on after {seconds} s")

    before = signal.signal(signal.SIGALRM, strike)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def play_in_this_process(seed: int, folder: Path) -> Played:
    """For a pool's worker: its nurseries serve night after night, until one goes wrong and may leave a life behind."""
    first, second = (folder / f"nursery-{os.getpid()}{number}.log" for number in ("", "-second"))
    well = False
    try:
        with ends_within(LONGEST_NIGHT):
            played = play(seed, folder, _nursery(first), lambda: _nursery(second))
        well = not played.outcome.wrong
    finally:
        while not well and _NURSERIES:
            _NURSERIES.popitem()[1].__exit__(None, None, None)
    return played
