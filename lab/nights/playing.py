"""Play the night of a seed: town up, walk, judge, town down."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lab.faults import Faults
from lab.nights.cruelty import inflict
from lab.nights.drawing import draw
from lab.nights.judge import judge
from lab.nights.night import Night, Nursery, Outcome
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
        return line + (f"; WRONG: {'; '.join(outcome.wrong)[:300]}" if outcome.wrong else "")


def play(seed: int, folder: Path, nursery: Nursery | None = None) -> Played:
    """One night in a town of its own. folder: for its shelf, and the log of the nursery."""
    if nursery is None:
        with Nursery(folder / "nursery.log") as own:
            return play(seed, folder, own)
    drawn = draw(seed)
    faults = Faults()
    for quirk in drawn.quirks:
        faults.set(quirk)
    with Town(dns=drawn.dns, faults=faults, **drawn.town) as town:
        first = town.picture()
        night = Night(drawn, town, nursery, folder)
        if drawn.cruelty:
            night.outcome.sick = inflict(drawn.cruelty, town)
        outcome = night.walk()
        town.faults.clear()
        judge(town, first, outcome)
    return Played(seed, outcome)


_nursery: Nursery | None = None


def play_in_this_process(seed: int, folder: Path) -> Played:
    """For a pool's worker: its nursery is started once, and ends with it."""
    global _nursery
    if _nursery is None:
        _nursery = Nursery(folder / f"nursery-{os.getpid()}.log").__enter__()
    return play(seed, folder, _nursery)
