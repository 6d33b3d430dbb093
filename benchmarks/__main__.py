"""`python -m benchmarks [name...]` runs all, or those named, and prints a table.

It writes benchmarks/results.json, the newest figures of each, and adds a line to benchmarks/history.json.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

import benchmarks
from benchmarks import parked
from benchmarks.bench import Missing, Result
from benchmarks.history import HISTORY, add, last, read
from benchmarks.showing import table

_SUPPORT = {"__main__", "bench", "fresh", "answerer", "history", "showing", "parked"}
_RESULTS = Path(__file__).with_name("results.json")


def names() -> list[str]:
    """Name of every benchmark: each is a module of this package with `run(tiny: bool) -> Result`."""
    return [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in _SUPPORT]


def main(arguments: list[str], *, results: Path = _RESULTS, history: Path = HISTORY) -> int:
    """Exit status 1 when a benchmark was not run, 2 when there is none of that name."""
    unknown = set(arguments) - set(names())
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    console, measured, missing = Console(width=180), list[Result](), list[str]()
    try:
        for name in arguments or names():
            try:
                measured.append(importlib.import_module(f"benchmarks.{name}").run(tiny=False))
            except Missing as error:
                missing.append(f"{name}: {error}")
            else:
                _keep(measured, results)  # at once: a later one may fail
    finally:
        parked.close()
    console.print(table(measured, last(read(history))))
    for line in missing:
        console.print(f"not run: {line}")
    if measured:
        add(measured, history)
    return 1 if missing else 0


def _keep(results: list[Result], where: Path) -> None:
    """The newest figures of each benchmark; those that were not run now stay."""
    known = json.loads(where.read_text(encoding="utf-8")) if where.exists() else []
    figures = {result["name"]: result for result in (*known, *map(asdict, results))}
    kept = [figures[name] for name in names() if name in figures]
    where.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
