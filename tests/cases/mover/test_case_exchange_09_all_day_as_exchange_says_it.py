"""Whole days as Exchange says them: midnights in the event's own time zone, and a mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmove.items.copy.calendar_events import event_fields, parts_lost

EVENT = (
    (Path(__file__).parents[1] / "recorded" / "09_all_day_as_exchange_says_it.ics")
    .read_bytes()
    .replace(b"\r\n", b"\n")
    .replace(b"\n", b"\r\n")
)
ZONE = "W. Europe Standard Time"


def test_it_lasts_two_whole_days() -> None:
    fields = event_fields(EVENT)
    assert fields["isAllDay"] is True
    assert fields["start"] == {"dateTime": "2027-03-10T00:00:00", "timeZone": ZONE}
    assert fields["end"] == {"dateTime": "2027-03-12T00:00:00", "timeZone": ZONE}
    assert parts_lost(EVENT) == ()


@pytest.mark.parametrize(
    ("end", "until"),
    [(b"20270310T000000", "2027-03-11T00:00:00"), (b"20270311T000000", "2027-03-11T00:00:00")],
)
def test_a_whole_day_is_one_at_least(end: bytes, until: str) -> None:
    assert event_fields(EVENT.replace(b"20270312T000000", end))["end"]["dateTime"] == until


def test_a_series_of_whole_days_ends_on_its_own_day() -> None:
    series = EVENT.replace(
        b"X-MICROSOFT-CDO-ALLDAYEVENT", b"RRULE:FREQ=DAILY;UNTIL=20270319T230000Z\r\nX-MICROSOFT-CDO-ALLDAYEVENT"
    )
    assert event_fields(series)["recurrence"]["range"]["endDate"] == "2027-03-20"


def test_between_other_hours_no_day_is_made_up() -> None:
    odd = EVENT.replace(b"T000000", b"T080000")
    fields = event_fields(odd)
    assert (fields["isAllDay"], fields["start"]["dateTime"]) == (False, "2027-03-10T08:00:00")
    assert parts_lost(odd) == ("that it lasts whole days",)


def test_marked_as_none_it_is_none() -> None:
    assert event_fields(EVENT.replace(b":TRUE", b":FALSE"))["isAllDay"] is False
