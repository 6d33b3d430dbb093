"""`python -m benchmarks [name...]` runs all, or those named, prints a table and writes benchmarks/results.json."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.bench import Missing, Result

_SUPPORT = {"__main__", "bench", "fresh", "answerer"}
_RESULTS = Path(__file__).with_name("results.json")


def names() -> list[str]:
    """Of every benchmark: each is a module here with `run(tiny: bool) -> Result`."""
    return [one.name for one in pkgutil.iter_modules(benchmarks.__path__) if one.name not in _SUPPORT]


def main(arguments: list[str]) -> int:
    unknown = set(arguments) - set(names())
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    console, results, missing = Console(width=160), list[Result](), list[str]()
    for name in arguments or names():
        try:
            results.append(importlib.import_module(f"benchmarks.{name}").run(tiny=False))
        except Missing as error:
            missing.append(f"{name}: {error}")
    console.print(_table(results))
    for line in missing:
        console.print(f"not run: {line}")
    _keep(results)
    return 1 if missing else 0


def _keep(results: list[Result]) -> None:
    """The newest figures of each benchmark; those that were not run now stay."""
    known = json.loads(_RESULTS.read_text(encoding="utf-8")) if _RESULTS.exists() else []
    figures = {one["name"]: one for one in (*known, *map(asdict, results))}
    kept = [figures[name] for name in names() if name in figures]
    _RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _table(results: list[Result]) -> Table:
    table = Table(
        "benchmark",
        "size",
        "ours",
        "rival",
        "rival is",
        "unit",
        "ratio",
        "peak MiB",
        caption="ratio above 1: we are ahead",
    )
    for one in results:
        figures = (f"{one.ours:,.1f}", f"{one.rival:,.1f}", one.rival_name, one.unit, f"{one.ratio:.2f}")
        table.add_row(one.name, one.size, *figures, f"{one.peak_mb:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
