"""Keys must come out the same on both servers, and differ where the items do."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailmove.items.keys import contact_key, event_key, other_key

NOON = datetime(2026, 11, 23, 12, 0, 59, tzinfo=UTC)


def test_shape_and_minutes() -> None:
    assert event_key("weekly@example.com", NOON) == "event|weekly@example.com|2026-11-23T12:00"
    assert event_key("weekly@example.com", None) == "event|weekly@example.com|"
    assert contact_key("Zoë  Brontë", "Z@Example.com") == "contact|zoë brontë|z@example.com"
    assert other_key("message", "Hi", NOON) == "message|hi|2026-11-23T12:00"


def test_the_same_moment_in_another_zone_is_the_same_event() -> None:
    assert event_key("u", NOON) == event_key("u", NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert event_key("u", NOON) != event_key("u", NOON + timedelta(minutes=1))


def test_a_uid_of_exchange_stands_alone() -> None:
    uid = "040000008200E00074C5B7101A82E008" + "00" * 24
    assert event_key(uid, NOON) == event_key(uid.lower(), NOON + timedelta(hours=1)) == event_key(uid, None)


def test_the_day_of_an_occurrence_in_a_uid_of_exchange_does_not_matter() -> None:
    first, last = "040000008200E00074C5B7101A82E008", "10" + "00" * 18 + "AB"
    assert event_key(f"{first}07EA0B17{last}", NOON) == event_key(f"{first}00000000{last}", None)
    assert event_key(f"{first}07EA0B17{last}", NOON) != event_key(f"{first}07EA0B17{last[:-2]}AC", NOON)


def test_a_start_without_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        event_key("u", datetime(2026, 1, 1))


@settings(deadline=None, max_examples=50)
@given(st.text(), st.text())
def test_spelling_does_not_matter(name: str, email: str) -> None:
    other = unicodedata.normalize("NFD", f"  {name}\t")
    assert contact_key(name, email) == contact_key(other, email)
