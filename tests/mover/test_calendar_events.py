"""Events from iCalendar: time zones, recurrence rules and their ends, and what is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from mailmove.items.copy.calendar_events import Unmovable, event_fields, event_uid


def _calendar(*lines: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:u", *lines, "END:VEVENT", "END:VCALENDAR"]).encode()


def _series(rule: str, start: str = ":20260102T090000Z") -> dict[str, Any]:
    recurrence = event_fields(_calendar(f"DTSTART{start}", f"RRULE:{rule}"))["recurrence"]
    assert recurrence["range"]["startDate"] == "2026-01-02"
    return dict(recurrence)


@pytest.mark.parametrize(
    ("start", "until", "last"),
    [
        (":20260102T090000Z", "20260301T090000Z", "2026-03-01"),
        (";TZID=Pacific/Auckland:20260102T090000", "20260301T200000Z", "2026-03-02"),
        (";TZID=New Zealand Standard Time:20260102T090000", "20260301T200000Z", "2026-03-02"),
        (";TZID=America/New_York:20260102T200000", "20260302T010000Z", "2026-03-01"),
        (";TZID=Europe/Berlin:20260102T090000", "20260301T000000Z", "2026-02-28"),
        (";TZID=Europe/Berlin:20260102T090000", "20260301", "2026-03-01"),
        (";VALUE=DATE:20260102", "20260301", "2026-03-01"),
        (";VALUE=DATE:20260102", "20260301T000000Z", "2026-03-01"),
    ],
)
def test_a_series_ends_on_the_local_date_of_its_last_occurrence(start: str, until: str, last: str) -> None:
    assert _series(f"FREQ=DAILY;UNTIL={until}", start)["range"]["endDate"] == last


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("FREQ=DAILY;INTERVAL=3", {"type": "daily", "interval": 3}),
        ("FREQ=DAILY;BYDAY=MO,FR",
         {"type": "weekly", "interval": 1, "daysOfWeek": ["monday", "friday"], "firstDayOfWeek": "monday"}),
        ("FREQ=WEEKLY;WKST=SU",
         {"type": "weekly", "interval": 1, "daysOfWeek": ["friday"], "firstDayOfWeek": "sunday"}),
        ("FREQ=MONTHLY", {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 2}),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE;BYSETPOS=-1",
         {"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday", "tuesday", "wednesday"], "index": "last"}),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24",
         {"type": "absoluteYearly", "interval": 1, "month": 12, "dayOfMonth": 24}),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
         {"type": "relativeYearly", "interval": 1, "month": 11, "daysOfWeek": ["thursday"], "index": "fourth"}),
    ],
)  # fmt: skip
def test_a_rule_becomes_the_same_pattern_of_graph(rule: str, pattern: dict[str, Any]) -> None:
    assert _series(rule)["pattern"] == pattern


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("FREQ=MONTHLY;BYDAY=1MO,1TU", "several days"),
        ("FREQ=MONTHLY;BYDAY=MO", "several days"),
        ("FREQ=MONTHLY;BYDAY=5MO", "several days"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "several days"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "from the end of a month"),
        ("FREQ=MONTHLY;BYMONTH=3", "BYMONTH"),
        ("FREQ=YEARLY;BYMONTH=3,9", "several months"),
        ("FREQ=YEARLY;BYMONTHDAY=3", "YEARLY and BYMONTHDAY"),
        ("FREQ=DAILY;BYMONTH=3", "DAILY and BYMONTH"),
        ("FREQ=DAILY;INTERVAL=2;BYDAY=MO", "DAILY and BYDAY"),
        ("FREQ=DAILY;BYHOUR=9,17", "BYHOUR"),
        ("FREQ=MONTHLY;BYMONTHDAY=first", "RRULE is"),
        ("FREQ=DAILY\r\nRRULE:FREQ=WEEKLY", "several rules"),
    ],
)
def test_a_rule_that_graph_cannot_hold_is_refused_whole(rule: str, why: str) -> None:
    with pytest.raises(Unmovable, match=why):
        _series(rule)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no event"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:2026", "no event"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR", "no event"),
        (_calendar("DTSTART:20260230T090000Z"), "DTSTART is '20260230"),
        (_calendar("DTSTART:20260102T090000"), "time zone ''"),
        (_calendar("DTSTART:20260102T090000Z", "DURATION:PT1H"), "duration"),
        (b"BEGIN:VCALENDAR\r\nno property\r\nEND:VCALENDAR", "cannot be read"),
    ],
)
def test_broken_icalendar_is_named_and_nothing_else_is_raised(content: bytes, why: str) -> None:
    with pytest.raises(Unmovable, match=why):
        event_fields(content)


def test_an_event_within_a_message_with_folded_lines_and_a_custom_time_zone() -> None:
    zone = (
        "BEGIN:VTIMEZONE", "TZID:W. Europe Standard Time", "BEGIN:STANDARD", "DTSTART:16010101T030000",
        "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10", "END:STANDARD",
        "BEGIN:DAYLIGHT", "DTSTART:16010101T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200",
        "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE",
    )  # fmt: skip
    lines = (
        "DTSTART;TZID=W. Europe Standard Time:20260702T090000", "DTEND;TZID=W. Europe Standard Time:20260702T100000",
        "SUMMARY;LANGUAGE=de-DE:Besprechung\\; wich", " tig", "LOCATION:Raum 1", "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "DESCRIPTION:one\\ntwo", 'ORGANIZER;CN="Berg, Anna":MAILTO:anna@x.example', "ATTENDEE:mailto:ben@x.example",
        "BEGIN:VALARM", "DESCRIPTION:not this one", "END:VALARM",
    )  # fmt: skip
    message = b"Subject: x\r\nContent-Type: text/calendar\r\n\r\n" + _calendar(*lines) + b"\r\n\r\n--end--\r\n"
    message = message.replace(b"BEGIN:VEVENT", "\r\n".join([*zone, "BEGIN:VEVENT"]).encode())
    assert event_uid(message) == "u"
    fields = event_fields(message)
    assert fields["start"] == {"dateTime": "2026-07-02T09:00:00", "timeZone": "W. Europe Standard Time"}
    assert fields["end"]["dateTime"] == "2026-07-02T10:00:00"
    assert (fields["subject"], fields["showAs"]) == ("Besprechung; wichtig", "oof")
    assert fields["location"] == {"displayName": "Raum 1"}
    assert fields["body"]["content"] == "one\ntwo\n\nPeople: Berg, Anna <anna@x.example>; <ben@x.example>"


@pytest.mark.parametrize("line", ["SUMMARY:Doctor", "LOCATION:here", "DTEND:20260102T100000Z", "CLASS:PRIVATE"])
def test_what_stands_outside_of_the_event_is_not_lost_in_silence(line: str) -> None:
    event = "BEGIN:VEVENT\r\nUID:u\r\nDTSTART:20260102T090000Z\r\nEND:VEVENT\r\n"
    alarm = event.replace(
        "END:VEVENT", f"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\n{line}\r\nEND:VALARM\r\nEND:VEVENT"
    )
    whole = "BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n"
    for text in (
        f"{line}\r\n{whole.format(event)}",
        f"{whole.format(event)}{line}\r\n",
        whole.format(f"{line}\r\n{event}"),
        whole.format(f"{event}{line}\r\n"),
        whole.format(alarm),
    ):
        with pytest.raises(Unmovable, match=r"outside of it|among its headers"):
            event_fields(text.encode())
    event_fields(whole.format(event).encode())


@pytest.mark.parametrize(
    "line",
    [
        "CLASS:PRIVATEPRIORITY:1", "PRIORITY:high", "STATUS:MAYBE", "TRANSP:GLASS", "X-MICROSOFT-CDO-IMPORTANCE:9",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOFX-ALT-DESC;FMTTYPE=text/html:<p>a</p>", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUEISH",
        "X-ALT-DESC;FMTTYPE=text/rtf:x",
    ],
)  # fmt: skip
def test_a_value_that_nobody_knows_is_named(line: str) -> None:
    with pytest.raises(Unmovable, match=line.partition(":")[0].partition(";")[0]):
        event_fields(_calendar("DTSTART:20260102T090000Z", line))


@pytest.mark.parametrize("line", ["RRULE;", "X-ALT-DESC", "the rest of a text"])
def test_a_torn_line_is_not_stepped_over(line: str) -> None:
    with pytest.raises(Unmovable, match="a line that is no property"):
        event_fields(_calendar("DTSTART:20260102T090000Z", line))
