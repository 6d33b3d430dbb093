"""The result of a benchmark, and how a part of one runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Size:
    """The same comparison at another size. n: how many; the rest as in `Result`."""

    n: int
    ours: float
    rival: float
    peak_mb: float


@dataclass(frozen=True)
class Result:
    """One comparison of ours with a rival.

    size: what was done, in words. ours, rival: the figures in `unit`. ratio: above 1, we are ahead. peak_mb: the most
    resident memory of the process that did our part, in MiB, interpreter and all. sizes: how it grows, smallest first;
    the last is the result itself.
    """

    name: str
    size: str
    ours: float
    rival: float
    rival_name: str
    ratio: float
    unit: str
    peak_mb: float
    sizes: tuple[Size, ...] = ()


def grown(
    name: str, size: str, sizes: Sequence[Size], rival_name: str, unit: str, *, more_is_better: bool = False
) -> Result:
    """The result of the last of these sizes, which is the largest. more_is_better: they are rates, not costs."""
    last = sizes[-1]
    ratio = last.ours / last.rival if more_is_better else last.rival / last.ours
    return Result(name, size, last.ours, last.rival, rival_name, ratio, unit, last.peak_mb, tuple(sizes))


class Missing(Exception):
    """A rival's program is not installed; the message says which."""


@dataclass(frozen=True)
class Measured:
    value: float
    peak_mb: float


def memory_mb(pid: int) -> float:
    """MiB that a live process holds: what it shares with others counts by its share (PSS). Linux only."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise Missing("/proc does not tell how much memory a process holds (Linux)")
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def on_core(which: int) -> Callable[[], None] | None:
    """For `preexec_fn`: the process keeps to one core, so that asker and answerer never take each other's time.

    Every asker gets core 1 and every answerer core 0: what is compared is what one core can do. None: only one core,
    or not Linux.
    """
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None
    core = sorted(os.sched_getaffinity(0))[which]
    return lambda: os.sched_setaffinity(0, {core})


def in_fresh_process(function: str, *, core: int | None = None, **arguments: Any) -> Measured:
    """Call `module:function` in a new interpreter; its arguments travel as JSON, and it returns a number."""
    keep = None if core is None else on_core(core)
    command = [sys.executable, "-m", "benchmarks.fresh", function, json.dumps(arguments)]
    root = Path(__file__).parents[1]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, preexec_fn=keep)  # noqa: S603
    if run.returncode:
        raise RuntimeError(f"{function}: {run.stderr.strip()[-2000:]}")
    return Measured(**json.loads(run.stdout.splitlines()[-1]))
