"""`make cases`: what came of each case of public reports, one line each; a file here is a case."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", action="store_true", help="one line a case: right or wrong")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--cases", default=False):
        return
    right: dict[str, bool] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            case = Path(report.nodeid.partition("::")[0]).stem.removeprefix("test_case_").replace("_", " ")
            right[case] = right.get(case, True) and outcome == "passed"
    for case in sorted(right):
        terminalreporter.write_line(f"{'right' if right[case] else 'WRONG'}  {case}")
    terminalreporter.write_line(f"{sum(right.values())} of {len(right)} cases are right")
