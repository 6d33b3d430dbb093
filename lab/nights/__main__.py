"""`python -m lab.nights`: many randomised nights; `make soak` calls it.

NIGHTS nights from seed START, JOBS at a time, then the kill matrix (MATRIX=0: not; MATRIX=route53 or rfc2136: with that
provider only). CRUEL=1: every night is cruel (`lab.nights.cruelty`); else every other one. HOSTILE=all, or names: the
tenant is hostile (`lab.hostile`). SEED=n plays that one alone, and says all that was drawn. A night that fails prints
its seed and what was drawn for it; exit status 1.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from lab.nights.drawing import KINDS, Kind, draw
from lab.nights.matrix import PASSES, play_row
from lab.nights.night import Outcome
from lab.nights.playing import Played, play, play_in_this_process


def main() -> int:
    seed = os.environ.get("SEED")
    if seed:
        print("\n".join(draw(int(seed)).lines()))
        with tempfile.TemporaryDirectory() as folder:
            return _told([play(int(seed), Path(folder))])
    start, count, jobs = (int(os.environ.get(name, default)) for name, default in _DEFAULTS)
    bad = _told(_many(range(start, start + count), jobs)) if count else 0
    matrix = os.environ.get("MATRIX", "1")
    kinds = [kind for kind in KINDS if matrix in (kind, "1")]
    return (_matrix(jobs, kinds) if kinds else 0) or bad


_DEFAULTS = (("START", "1"), ("NIGHTS", "200"), ("JOBS", "3"))


def _many(seeds: range, jobs: int) -> list[Played]:
    played: list[Played] = []
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
    ):
        waiting = {pool.submit(play_in_this_process, seed, Path(folder)): seed for seed in seeds}
        for future in as_completed(waiting):
            broken = future.exception()  # the lab itself; the other nights are played all the same
            played.append(Played(waiting[future], Outcome(wrong=[repr(broken)])) if broken else future.result())
            print(f"{len(played)}/{len(seeds)} {time.monotonic() - started:.0f}s {played[-1].line()}", flush=True)
            if played[-1].outcome.wrong:
                _keep(Path(folder) / f"shelf-{played[-1].seed}")
    return played


def _keep(shelf: Path) -> None:
    """A night that needs its moment may end well when it is played again: its ledger tells what happened."""
    if shelf.exists():
        print(f"  its shelf: {shutil.copy(shelf, tempfile.mkdtemp(prefix='mailmove-night-'))}", flush=True)


def _matrix(jobs: int, kinds: list[Kind]) -> int:
    """Each kind of provider, every phase; at reads too; and on the way back."""
    ways = ((False, False), (True, False), (False, True))
    rows = [(dns, phases, every, back) for dns in kinds for phases in PASSES for every, back in ways]
    bad = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        waiting = [pool.submit(play_row, *row, Path(folder) / str(number)) for number, row in enumerate(rows)]
        for future in as_completed(waiting):
            line, wrong = future.result()
            bad += bool(wrong)
            print("\n  WRONG: ".join([line, *wrong]), flush=True)
    return 1 if bad else 0


def _told(played: list[Played]) -> int:
    bad = [night for night in played if night.outcome.wrong]
    for night in bad:
        print(f"\nseed {night.seed} fails; replay it with `make soak SEED={night.seed}`")
        print("\n".join([*draw(night.seed).lines(), *(f"  WRONG: {words}" for words in night.outcome.wrong)]))
        print("\n".join(f"  killed at {where}" for where in night.outcome.killed))
    ends = Counter(night.outcome.ended for night in played)
    kills, lives = (
        sum(len(night.outcome.killed) for night in played),
        sum(night.outcome.lives for night in played),
    )
    seconds = sum(night.outcome.seconds for night in played)
    print(f"\n{len(played)} nights: {dict(ends)}; {kills} times kill -9, {lives} lives; {len(bad)} counterexamples")
    print(f"{seconds / max(1, len(played)):.1f} s a night")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
