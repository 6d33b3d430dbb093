"""The one place that decides how long a call waits and how often it is repeated."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import blocks.microsoft365
from blocks.retry_budget import MAX_TRIES, Patience, read_thrice
from mailmove.errors import Throttled, Transient


def passing() -> Transient:
    return Transient("Graph", wanted="it", seen="503", todo="Ask again.")


def throttled(seconds: float) -> Throttled:
    return Throttled("Graph", wanted="it", seen="429", todo="Wait.", retry_after=seconds)


def test_it_waits_as_told_or_ever_longer_and_no_longer_than_it_has() -> None:
    slept: list[float] = []
    patience = Patience(20, slept.append)
    for error in (passing(), passing(), throttled(9), passing()):
        patience.wait(error)
    assert slept == [1, 2, 9, 8]
    with pytest.raises(Transient):
        patience.wait(passing())
    assert len(slept) == 4


def test_it_ends_although_nobody_asks_to_wait() -> None:
    slept: list[float] = []
    patience = Patience(1000, slept.append)
    with pytest.raises(Throttled):
        for _ in range(100):
            patience.wait(throttled(0))
    assert len(slept) == MAX_TRIES


def test_nothing_is_believed_the_third_time_only() -> None:
    for answers, found, looks in (([1], 1, 1), ([None, 2], 2, 2), ([None, None, 3], 3, 3), ([None] * 3, None, 3)):
        left = list(answers)
        assert read_thrice(lambda left=left: left.pop(0), lambda seconds: None) == found
        assert len(answers) - len(left) == looks


def test_nobody_else_towards_microsoft_or_ews_keeps_a_retry_loop_of_its_own() -> None:
    """Retry-After and back-off are turned into waiting in `blocks/retry_budget.py`, and per mailbox in `Pace`."""
    root = Path(blocks.microsoft365.__file__).parents[1]
    using = set()
    for folder in ("microsoft365", "partner", "exchange"):
        for path in (root / folder).rglob("*.py"):
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            if "retry_after" in names:
                using.add(path.relative_to(root).as_posix())
    # Each of the two hands the time on, to the pace of a mailbox.
    assert using == {"exchange/ews/soap.py", "microsoft365/items/item_destination.py"}
