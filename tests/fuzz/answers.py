"""An answer as it comes over the wire, and the ways in which strangers spoil answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Answer:
    """One answer. status 0: no HTTP, `body` is all. promised: bytes that Content-Length tells of; None: all of them."""

    body: bytes
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    promised: int | None = None

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def with_header(self, name: str, value: str | None) -> Answer:
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


@dataclass(frozen=True)
class Mutation:
    """A spoiled answer.

    kind: dropped, doubled, emptied, retyped, reordered, cut, status, charset, header, noise. where: what was spoiled,
    for people. name: the element, property or column, or "". honest: what is left is a whole answer that says less
    (a record of a list is gone), so nobody can tell; everything else must not come out as success with less in it.
    """

    kind: str
    where: str
    answer: Answer
    name: str = ""
    honest: bool = False


@dataclass(frozen=True)
class Shape:
    """What a format knows of its records.

    records: names of elements that may be absent as a whole. lists: names of elements that may be empty, and of lines
    that may be absent. counted: names of JSON lists whose length the question fixes, so none of them may be short.
    free: names of what may have any text, so that another text is another answer; of columns, that may say 0.
    nullable: names of JSON properties of which null is a value.
    """

    records: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    nullable: frozenset[str] = frozenset()


Mutator = Callable[[random.Random, bytes, Shape], Mutation | None]
"""Spoils a body; None: there is nothing in it that could be spoiled so. The answer of the mutation has only a body."""

JUNK = ("", " ", "x", "0", "-1", "true", "null", "NaN", "1e999", "2026-02-30T25:61:61Z", "9" * 40, "\u202e\u0000\ufffe",
        "<b>&amp;</b>", "a" * 5000, "ÄÖß 中文 🎉", "{}", "[]", "%zz", "../..", "=?utf-8?q?=ff?=", "Infinity",
        "1,234", "1.234,5 KB", "12 %")  # fmt: skip
"""Texts in place of another type."""


@dataclass
class Tally:
    """What was tried, for people."""

    tried: int = 0
    refused: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
