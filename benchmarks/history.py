"""Keeps the figures of every run of the benchmarks: benchmarks/history.json, one run a line, to show a regression.

It holds ratios, because both sides of a ratio were measured on the same machine in the same run, and our own figure
beside each, for those who compare runs on one machine.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bench import Result

HISTORY = Path(__file__).with_name("history.json")
WORSE = 0.2
"""A ratio that has fallen by more than this share is called worse; less than that is noise."""
_DIGITS = 4

Run = dict[str, Any]
"""date: UTC, ISO. commit: short, with a star when the tree had changes. figures: name -> {ratio, ours, peak_mb}."""


def read(where: Path = HISTORY) -> list[Run]:
    """All runs, oldest first; [] when there is none yet."""
    return list(json.loads(where.read_text(encoding="utf-8"))) if where.exists() else []


def last(runs: list[Run]) -> dict[str, float]:
    """Benchmark -> its ratio in the newest run that it took part in."""
    return {name: figures["ratio"] for run in runs for name, figures in run["figures"].items()}


def change(result: Result, before: dict[str, float]) -> float | None:
    """Share by which the ratio has risen (or, below 0, fallen) since the last run; None: it is the first."""
    known = before.get(result.name)
    return result.ratio / known - 1 if known else None


def add(results: list[Result], where: Path = HISTORY) -> None:
    """Append this run."""
    figures = {
        result.name: {name: _short(getattr(result, name)) for name in ("ratio", "ours", "peak_mb")}
        for result in results
    }
    date = datetime.now(UTC).isoformat(timespec="seconds")
    runs = [*read(where), {"date": date, "commit": _commit(), "figures": figures}]
    lines = ",\n".join(json.dumps(run) for run in runs)
    where.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _short(figure: float) -> float:
    return float(f"{figure:.{_DIGITS}g}")


def _commit() -> str:
    """Description of the commit; '' outside of a repository."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=*", "--exclude=*"],  # noqa: S607  # git is wherever it is
        cwd=HISTORY.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip()
