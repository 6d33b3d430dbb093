"""The fuzz finds careless readers: one that falls over, swallows, or asks for ever; a careful one it lets be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import playing
import pytest
from answers import Answer, Shape
from mutate_json import json_mutation
from reader import AsksWithoutEnd, Case, Reader, in_peace
from tape import MOST_REQUESTS, Tape

from mailmove.errors import Transient

BODY = json.dumps({"value": [{"id": "a", "size": 1}, {"id": "b", "size": 2}]}).encode()


def falls_over(body: bytes) -> list[Any]:
    return [row["id"] for row in json.loads(body)["value"]]


def swallows(body: bytes) -> list[Any]:
    try:
        return [row["id"] for row in json.loads(body).get("value", []) if row.get("id")]
    except (ValueError, AttributeError, TypeError, KeyError):
        return []


def careful(body: bytes) -> list[Any]:
    try:
        names = [row["id"] for row in json.loads(body)["value"]]
    except (ValueError, AttributeError, TypeError, LookupError):
        names = [""]
    if not all(isinstance(name, str) and name for name in names):
        raise Transient("x", wanted="names", seen="none", todo="Ask again.")
    return names


def kinds(read: Callable[[bytes], Any]) -> set[str]:
    case = Case("rows", [Answer(BODY)], lambda answers: read(answers[0].body))
    reader = Reader("rows", [case], [json_mutation], Shape())
    return {failure.what.partition(":")[0] for failure in playing.failures_of(reader, {"rows": in_peace(reader, case)})}


def test_a_careless_reader_is_found_and_a_careful_one_is_not() -> None:
    assert {"KeyError", "JSONDecodeError"} <= kinds(falls_over)
    assert kinds(swallows) == {"success with less content"}
    assert kinds(careful) == set()


def test_who_asks_without_end_is_found() -> None:
    tape = Tape.of(Answer(b"{}", 200))
    tape.play([Answer(b"{}", 200)])
    for _ in range(MOST_REQUESTS + 1):
        last = tape.answer("GET", "/next", b"")
    assert tape.endless
    assert last.status == 400
    assert issubclass(AsksWithoutEnd, Exception)


def test_a_reader_that_reads_nothing_in_peace_proves_nothing() -> None:
    def never(answers: Any) -> Any:
        raise Transient("x", wanted="x", seen="x", todo="x")

    with pytest.raises(AssertionError, match="little can be read in peace"):
        playing.check(Reader("never", [Case("never", [Answer(BODY)], never)], [json_mutation]))
