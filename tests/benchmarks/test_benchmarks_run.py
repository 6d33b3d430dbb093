"""Every benchmark runs, at a tiny size. Its figures are nobody's business here: a busy machine must not fail a test."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator

import pytest

from benchmarks import parked
from benchmarks.__main__ import names
from benchmarks.bench import Missing, Result

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

LONG = {"board_1000", "parked_look_seconds", "parked_memory_vs_pause", "wake_p95_seconds", "night_overhead"}
"""Minutes each, for a night in the lab."""


@pytest.fixture(scope="module", autouse=True)
def nothing_lives_on() -> Iterator[None]:
    yield
    parked.close()


@pytest.mark.parametrize("name", names())
def test_it_runs(name: str) -> None:
    if name in LONG and "SOAK" not in os.environ:
        pytest.skip("minutes; `make soak` runs it")
    try:
        result = importlib.import_module(f"benchmarks.{name}").run(tiny=True)
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"{missing}; `.ci/packages` must name it")
        pytest.skip(str(missing))
    assert isinstance(result, Result) and result.name == name
    assert result.ours > 0 and result.rival > 0 and result.ratio > 0 and result.peak_mb > 0
    assert [one.n for one in result.sizes] == sorted({one.n for one in result.sizes}), "smallest first"
    assert (result.sizes[-1].ours, result.sizes[-1].rival) == (result.ours, result.rival), "the last is the result"
