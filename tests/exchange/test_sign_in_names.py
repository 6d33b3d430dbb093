"""Addresses that cannot be a sign-in name are told, with one that can."""

from __future__ import annotations

import pytest

from mailmove.inventory.server import SourceMailbox
from mailmove.inventory.sign_in_names import faults_of, findings_of_sign_in_names, proposal


@pytest.mark.parametrize("local", ["anna", "o'brien", "a.b-c_d", "a!b#c^d~e", "Anna9", "x" * 64])
def test_what_microsoft_allows(local: str) -> None:
    assert faults_of(f"{local}@c.example") == []


@pytest.mark.parametrize(
    ("local", "name"),
    [
        ("r&d", "r-d"),
        ("kids/family", "kids-family"),
        ("x=y?z", "x-y-z"),
        ("anna+lager", "anna-lager"),
        ("jürgen.groß", "juergen.gross"),
        ("josé", "jose"),
        ("anna.", "anna"),
        (".anna", "anna"),
        ("&", "mailbox"),
        ("x" * 70, "x" * 60),
    ],
)
def test_what_it_refuses_and_what_is_proposed(local: str, name: str) -> None:
    assert faults_of(f"{local}@c.example")
    proposed = proposal(f"{local}@c.example", ())
    assert proposed == f"{name}@c.example"
    assert faults_of(proposed) == []


def test_a_proposal_is_nobody_elses_address() -> None:
    boxes = [
        SourceMailbox(address="r&d@c.example", display_name="R", kind="user"),
        SourceMailbox(address="r/d@c.example", display_name="R", kind="shared"),
        SourceMailbox(address="anna@c.example", display_name="A", kind="user", aliases=("r-d@c.example",)),
    ]
    first, second = findings_of_sign_in_names(boxes)
    assert (first.subject, first.seen) == ("r&d@c.example", "the letters & in its primary address")
    assert "Make r-d2@c.example its primary address" in first.todo
    assert "r&d@c.example stays an alias" in first.todo
    assert "Make r-d3@c.example its primary address" in second.todo
    assert not first.blocks
