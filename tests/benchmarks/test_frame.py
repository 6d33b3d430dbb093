"""The frame of the benchmarks: what was measured is kept, and a figure that has become worse is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as frame
from benchmarks.bench import Missing, Result, Size, in_fresh_process
from benchmarks.history import HISTORY, add, change, last, read
from benchmarks.showing import table


def result(name: str = "fast", ratio: float = 2.0, **more: Any) -> Result:
    return Result(name, "much of it", 10.0, 10.0 * ratio, "slow", ratio, "s", 64.0, **more)


def shown(results: list[Result], before: dict[str, float]) -> str:
    console = Console(width=180)
    with console.capture() as capture:
        console.print(table(results, before))
    return capture.get()


def test_a_ratio_that_has_fallen_is_called_worse() -> None:
    before = {"fast": 2.0}
    assert "new" in shown([result()], {})
    assert "+50%" in shown([result(ratio=3.0)], before)
    assert "-10%" in shown([result(ratio=1.8)], before) and "worse" not in shown([result(ratio=1.8)], before)
    assert "-50% worse" in shown([result(ratio=1.0)], before)


def test_how_it_grows_is_shown_under_it() -> None:
    grown = (Size(1_000, 0.002, 0.004, 20.0), Size(10_000, 10.0, 20.0, 64.0))
    told = shown([result(sizes=grown)], {})
    assert "at 1,000" in told and "0.002" in told
    assert "at 10,000" not in told, "the last size is the line itself"


def test_every_run_is_a_line_of_the_history_and_the_newest_counts(tmp_path: Path) -> None:
    where = tmp_path / "history.json"
    assert last(read(where)) == {}
    add([result("one", 2.0), result("two", 3.0)], where)
    add([result("one", 1 / 3)], where)
    assert last(read(where)) == {"one": 0.3333, "two": 3.0}
    assert len(where.read_text().splitlines()) == 2 + 2, "brackets, and a line for each run"
    assert change(result("one", 0.3333), last(read(where))) == 0
    assert change(result("three"), last(read(where))) is None
    newest = read(where)[-1]
    assert newest["date"] and newest["commit"] and newest["figures"]["one"]["ours"] == 10.0


def test_the_history_in_the_repository_can_be_read() -> None:
    runs = read()
    assert runs and [run["date"] for run in runs] == sorted(run["date"] for run in runs)
    assert set(last(runs)) <= set(frame.names())
    assert HISTORY.stat().st_size < 200_000


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Two benchmarks of this test: what each does can be set."""
    runs: dict[str, Any] = {"alpha": lambda tiny: result("alpha"), "beta": lambda tiny: result("beta", 4.0)}
    monkeypatch.setattr(frame, "names", lambda: list(runs))
    load = {name: SimpleNamespace(run=lambda tiny, name=name: runs[name](tiny)) for name in runs}
    monkeypatch.setattr("benchmarks.__main__.importlib.import_module", lambda path: load[path.rpartition(".")[2]])
    yield runs


def test_a_run_keeps_its_figures_and_those_of_others(two: dict[str, Any], tmp_path: Path) -> None:
    kept, history = tmp_path / "results.json", tmp_path / "history.json"
    assert frame.main([], results=kept, history=history) == 0
    two["beta"] = lambda tiny: result("beta", 5.0)
    assert frame.main(["beta"], results=kept, history=history) == 0
    assert {one["name"]: one["ratio"] for one in json.loads(kept.read_text())} == {"alpha": 2.0, "beta": 5.0}
    assert [set(run["figures"]) for run in read(history)] == [{"alpha", "beta"}, {"beta"}]


def test_what_cannot_be_run_is_said_and_a_crash_loses_nothing(
    two: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, history = tmp_path / "results.json", tmp_path / "history.json"

    def missing(tiny: bool) -> Result:
        raise Missing("its rival is not installed")

    def crash(tiny: bool) -> Result:
        raise RuntimeError("it broke")

    two["beta"] = missing
    assert frame.main([], results=kept, history=history) == 1
    assert "not run: beta: its rival is not installed" in capsys.readouterr().out
    two["beta"] = crash
    kept.unlink()
    with pytest.raises(RuntimeError, match="it broke"):
        frame.main([], results=kept, history=history)
    assert [one["name"] for one in json.loads(kept.read_text())] == ["alpha"]
    assert frame.main(["gamma"], results=kept, history=history) == 2


def test_the_peak_of_a_part_is_its_own_and_not_its_parents() -> None:
    """On Linux a child's ru_maxrss begins with what its parent held."""
    ballast = bytearray(b"x" * (400 << 20))
    measured = in_fresh_process("benchmarks.fresh:_peak_mb")
    assert len(ballast) == 400 << 20
    assert measured.peak_mb < 200 and abs(measured.value - measured.peak_mb) < 5
