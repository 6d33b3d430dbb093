"""Pace, checkpoint and events, without any server."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.move_town import small_company
from mailmove.items.copy.calendar_events import Unmovable, event_fields, event_uid, global_object_id
from mailmove.items.copy.checkpoint import Checkpoint, FileJournal, journal_name
from mailmove.items.copy.rate_limits import Limits, Pace


@given(
    turns=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 400)), min_size=1, max_size=60),
    most=st.integers(20, 60),
)
def test_no_window_ever_holds_more_than_the_limit(turns: list[tuple[int, int]], most: int) -> None:
    time, spent = [0.0], []
    limits = Limits(requests=most, requests_span=10.0, upload=1000, upload_span=7.0)
    pace = Pace(limits, clock=lambda: time[0], sleep=lambda seconds: time.__setitem__(0, time[0] + seconds + 1e-6))
    for requests, upload in turns:
        with pace.slot(requests=requests, upload=upload):
            spent.append((time[0], requests, upload))
        time[0] += 0.05
    for at, _, _ in spent:
        assert sum(r for when, r, _ in spent if at - 10.0 < when <= at) <= most
        assert sum(u for when, _, u in spent if at - 7.0 < when <= at) <= 1000


def test_a_request_to_wait_holds_everybody() -> None:
    time = [0.0]
    pace = Pace(clock=lambda: time[0], sleep=lambda seconds: time.__setitem__(0, time[0] + seconds))
    pace.hold(30)
    with pace.slot():
        assert time[0] >= 30


@given(cut=st.integers(0, 400))
def test_a_journal_cut_anywhere_never_calls_done_what_was_not(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / journal_name("anna@northwind.example")
    first = Checkpoint(FileJournal(path))
    first.opened("Inbox")
    for start in range(0, 9, 3):
        ids = [f"item {number}" for number in range(start, start + 3)]
        first.sent(ids)
        first.done(ids[:2])
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    journal = FileJournal(path)
    second = Checkpoint(journal)
    for number in range(9):
        assert not (second.is_done(f"item {number}") and number % 3 == 2)
        assert not (second.is_done(f"item {number}") and second.is_doubtful(f"item {number}"))
    second.sent(["new"])
    third = Checkpoint(FileJournal(path))
    assert third.is_doubtful("new"), "a line cut short does not swallow the next"
    journal.close()


def test_two_mailboxes_never_share_a_journal() -> None:
    assert journal_name("a+b@x.example") != journal_name("a_b@x.example")
    assert Path(journal_name("ä/../b@x.example")).name == journal_name("ä/../b@x.example")


def _calendar(*lines: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:u", *lines, "END:VEVENT", "END:VCALENDAR"]).encode()


def test_events_keep_their_time_rule_and_identity() -> None:
    box = small_company(1, 200).mailboxes[0]
    series = next(item for item in box.items.values() if item.kind == "event")
    fields = event_fields(series.mime)
    assert fields["recurrence"]["range"]["numberOfOccurrences"] == 52
    assert fields["recurrence"]["pattern"]["type"] == "weekly" and not fields["isAllDay"]
    assert "attendees" not in fields, "Graph would invite them"
    assert event_uid(series.mime).encode() in base64.b64decode(global_object_id(event_uid(series.mime)))
    own = "040000008200E00074C5B7101A82E008" + "00" * 20 + "04000000DEADBEEF"
    assert base64.b64decode(global_object_id(own)).hex().upper() == own
    whole = event_fields(_calendar("DTSTART;VALUE=DATE:20260102", "SUMMARY:a\\, b"))
    assert (whole["isAllDay"], whole["end"]["dateTime"], whole["subject"]) == (True, "2026-01-03T00:00:00", "a, b")
    zoned = event_fields(
        _calendar("DTSTART;TZID=W. Europe Standard Time:20260102T090000", "DTEND:20260102T090000Z",
                  "RRULE:FREQ=MONTHLY;BYDAY=-1FR", 'ATTENDEE;CN="Berg: Anna":mailto:anna@x.example')
    )  # fmt: skip
    assert zoned["start"] == {"dateTime": "2026-01-02T09:00:00", "timeZone": "W. Europe Standard Time"}
    assert zoned["recurrence"]["pattern"] == {
        "interval": 1, "type": "relativeMonthly", "daysOfWeek": ["friday"], "index": "last"
    }  # fmt: skip
    assert "Berg: Anna <anna@x.example>" in zoned["body"]["content"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("DTSTART:20260102T090000Z", "EXDATE:20260109T090000Z", "RRULE:FREQ=WEEKLY"), "left out"),
        (("DTSTART;TZID=Customized Time Zone 1:20260102T090000",), "time zone"),
        (("DTSTART:20260102T090000Z", "RRULE:FREQ=HOURLY"), "HOURLY"),
        (("SUMMARY:x",), "no DTSTART"),
        (("DTSTART:20260102T090000Z", "END:VEVENT", "BEGIN:VEVENT", "RECURRENCE-ID:20260109T090000Z"), "changed"),
    ],
)
def test_an_event_that_would_lose_something_is_named_instead(lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(Unmovable, match=why):
        event_fields(_calendar(*lines))
