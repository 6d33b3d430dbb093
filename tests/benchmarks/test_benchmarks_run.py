"""Every benchmark runs, at a tiny size. Its figures are nobody's business here: a busy machine must not fail a test."""

from __future__ import annotations

import importlib
import os

import pytest

from benchmarks.__main__ import names
from benchmarks.bench import Missing, Result


@pytest.mark.parametrize("name", names())
def test_it_runs(name: str) -> None:
    try:
        result = importlib.import_module(f"benchmarks.{name}").run(tiny=True)
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"{missing}; `.ci/packages` must name it")
        pytest.skip(str(missing))
    assert isinstance(result, Result) and result.name == name
    assert result.ours > 0 and result.rival > 0 and result.ratio > 0 and result.peak_mb > 0
