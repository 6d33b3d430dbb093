"""No production code decides by words that are for people; what it decides by is a class, a code or a payload."""

from __future__ import annotations

from pathlib import Path

import pytest
from decisions_by_words import all_decisions, decisions


def test_no_production_code_decides_by_words() -> None:
    assert all_decisions() == []


@pytest.mark.parametrize(
    "line",
    [
        'if "AADSTS65001" in error.seen: pass',
        'if "Ask again." not in error.todo: pass',
        "recipient = entry.facts[0]",
        'if entry.facts == ["nothing to do"]: pass',
        'if "taken" in entry.facts[-1]: pass',
        'name = change.words.removeprefix("MX ")',
        'if result.summary.startswith("0 of"): pass',
        'stage = parked.question.partition(":")[0]',
        'mailbox = entry.facts[0].split(" ")[0]',
    ],
)
def test_such_a_decision_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "code.py").write_text(line)
    assert list(decisions(tmp_path / "code.py", tmp_path)) != []


@pytest.mark.parametrize("line", ["shown = entry.facts[:5]", "if entry.facts: pass", "lines = [*entry.facts]"])
def test_what_is_only_shown_is_not(tmp_path: Path, line: str) -> None:
    (tmp_path / "code.py").write_text(line)
    assert list(decisions(tmp_path / "code.py", tmp_path)) == []
