"""Typed members of the JSON objects that Microsoft answers with: the one place where they are read.

`text`, `number`, `part`, `rows`, `time`: a member that is missing, null, empty or of another type is AnswerUnreadable.
`..._or`: missing or null gives the default; another type is AnswerUnreadable all the same. Who answered and what was
wanted is known to an `Answer`; other objects say "Microsoft". Nothing here makes text of a list, or 0 of nothing: what
cannot be read is asked for again, and never counted as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from blocks.microsoft365.answers import Answer, Json, damaged, moment
from mailmove.errors import AnswerUnreadable


def text(row: Mapping[str, Any], name: str) -> str:
    """A text that is not empty, and that can be part of an address: no half of a surrogate pair."""
    value = text_or(row, name)
    if not value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise unreadable(row, name)
    return value


def text_or(row: Mapping[str, Any], name: str, default: str = "") -> str:
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise unreadable(row, name)
    return value


def word(row: Mapping[str, Any], name: str) -> str:
    """A value of an enumeration; some answers wrap it as {"Value": "Synced"}."""
    value = row.get(name)
    return text(value if isinstance(value, dict) else row, "Value" if isinstance(value, dict) else name)


def word_or(row: Mapping[str, Any], name: str, default: str = "") -> str:
    return default if row.get(name) in (None, "") else word(row, name)


def number(row: Mapping[str, Any], name: str) -> int:
    """A whole number that is not negative; PowerShell may write it as text."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise unreadable(row, name)
    try:
        whole = Decimal(str(value))
        if whole != int(whole) or not 0 <= whole <= _LARGEST:
            raise unreadable(row, name)
        return int(whole)
    except (InvalidOperation, ValueError, OverflowError):
        raise unreadable(row, name) from None


_LARGEST = 2**53
"""Largest whole number of JSON that every program reads alike (RFC 8259 section 6)."""


def number_or(row: Mapping[str, Any], name: str, default: int) -> int:
    return default if row.get(name) is None else number(row, name)


def flag(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise unreadable(row, name)
    return value


def flag_or(row: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """PowerShell may write "True", and a switch as {"IsPresent": true}."""
    value = row.get(name)
    if isinstance(value, dict) and "IsPresent" in value:
        return flag_or(value, "IsPresent", default)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return default if value is None else flag(row, name)


def part(row: Mapping[str, Any], name: str) -> Json:
    """An object inside."""
    value = row.get(name)
    if not isinstance(value, dict):
        raise unreadable(row, name)
    return value


def part_or(row: Mapping[str, Any], name: str) -> Json:
    """{} where there is none."""
    return {} if row.get(name) is None else part(row, name)


def rows(row: Mapping[str, Any], name: str) -> list[Json]:
    """A list of objects."""
    value = row.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise unreadable(row, name)
    return cast(list[Json], value)


def rows_or(row: Mapping[str, Any], name: str) -> list[Json]:
    """[] where there is none."""
    return [] if row.get(name) is None else rows(row, name)


def several(value: Any) -> list[Any]:
    """The entries of what is shown by itself where it is one, as a list where it is more, and as nothing."""
    return value if isinstance(value, list) else [value] if value else []


def texts_or(row: Mapping[str, Any], name: str) -> list[str]:
    """A property of many values: a list of texts, one text for one value; [] where there is none."""
    value = row.get(name)
    if value is None or value == "":
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(entry, str) for entry in values):
        raise unreadable(row, name)
    return values


def texts(row: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, none of them empty; the list may be."""
    values = row.get(name)
    if not isinstance(values, list) or not all(isinstance(entry, str) and entry for entry in values):
        raise unreadable(row, name)
    return cast(list[str], values)


def time(row: Mapping[str, Any], name: str) -> datetime:
    """Aware, in UTC."""
    at = time_or(row, name)
    if at is None:
        raise unreadable(row, name)
    return at


def time_or(row: Mapping[str, Any], name: str) -> datetime | None:
    """None where there is none: null, or .NET's first moment, which stands for never."""
    value = row.get(name)
    at = moment(value if isinstance(value, dict) and {"value", "DateTime"} & set(value) else text_or(row, name))
    return None if at is None or at.year < _FIRST_YEAR else at


_FIRST_YEAR = 1900


def unreadable(row: Mapping[str, Any], name: str) -> AnswerUnreadable:
    who, wanted = (row.who, row.wanted) if isinstance(row, Answer) else ("Microsoft", "an answer")
    value = row.get(name)
    shown = "nothing" if name not in row else "null" if value is None else f"{type(value).__name__} {value!r}"[:120]
    return damaged(who, wanted, f"{shown} as `{name}`")
