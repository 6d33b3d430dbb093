"""Blobs in item streams: the published ones are read, and spoiled ones are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import stream_items as items
import stream_samples as samples
from dateutil import rrule

from lab.cloud.item_stream import recurrence as r
from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.compressed_rtf import crc, read_rtf
from lab.cloud.item_stream.entry_ids import (
    ADDRESS_BOOK,
    CONTACT,
    WRAPPED,
    BookEntry,
    ContactEntry,
    OneOff,
    Wrapped,
    read_entry,
    read_list_stream,
    read_member,
)
from lab.cloud.item_stream.global_object_id import read_global_object_id
from lab.cloud.item_stream.named_properties import ADDRESS, APPOINTMENT, MEETING, Name
from lab.cloud.item_stream.occurrences import occurrences
from lab.cloud.item_stream.property_types import time_of
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.recurrence import read_task_recurrence
from lab.cloud.item_stream.refusal import Fault, StreamRefused
from lab.cloud.item_stream.stored import StoredProperties
from lab.cloud.item_stream.time_zone import read_time_zone_definition, read_time_zone_struct, to_utc
from lab.cloud.item_stream.writer import write_stream


def starts(blob: bytes, most: int = 50) -> list[str]:
    return [f"{occurrence.start:%m-%d %H:%M}" for occurrence in occurrences(read_appointment_recurrence(blob), most)]


WEEKLY = ["03-26", "03-29", "03-30", "04-02", "04-05", "04-06", "04-09", "04-12", "04-13", "04-16", "04-19", "04-20"]


def test_the_published_recurrences() -> None:
    assert starts(samples.WEEKLY) == [f"{day} 10:00" for day in WEEKLY]
    assert starts(samples.WEEKLY_CHANGED) == [f"{day} 1{int(day == '04-16')}:00" for day in WEEKLY]
    [change] = read_appointment_recurrence(samples.WEEKLY_CHANGED).changes
    assert (change.subject, change.location) == ("Simple Recurrence with exceptions", "34/4141")
    daily = ["04-07", "04-10", "04-13", "04-16", "04-25", "04-28", "05-01", "05-04"]
    assert starts(samples.DAILY_DELETED) == [f"{day} 08:00" for day in daily]
    hebrew = read_appointment_recurrence(samples.HEBREW)
    assert (hebrew.calendar, hebrew.end, hebrew.changes[0].reminder_minutes) == (8, None, 60)
    with pytest.raises(ValueError, match="Gregorian"):
        occurrences(hebrew)


START = datetime(2026, 1, 29)
EPOCH = datetime(1601, 1, 1)


def minutes(when: datetime) -> int:
    return (when - EPOCH).days * 1440


def first_date(kind: int, period: int, dow: int) -> int:
    """FirstDateTime of a series from START on: the first period ever that fits (2.2.1.44.1)."""
    if kind == r.DAY:
        return minutes(START) % period
    if kind == r.WEEK:
        week = next(day for day in (START - timedelta(days=back) for back in range(7)) if day.isoweekday() % 7 == dow)
        return minutes(week) % (period * 7 * 1440)
    months = ((START.year - 1601) * 12 + START.month - 1) % period
    return minutes(datetime(1601 + months // 12, months % 12 + 1, 1))


def pattern(form: tuple[int, int, int, bytes], end: int, count: int, dow: int, last: int = r.END_OF_TIME) -> bytes:
    """An AppointmentRecurrencePattern from START on, without exceptions, from 9:00 to 10:00."""
    frequency, kind, period, specific = form
    head = struct.pack("<HHHHHIII", 0x3004, 0x3004, frequency, kind, 0, first_date(kind, period, dow), period, 0)
    tail = struct.pack(
        "<IIIIIIIIIIIHII", end, count, dow, 0, 0, minutes(START), last, 0x3006, 0x3009, 540, 600, 0, 0, 0
    )
    return head + specific + tail


def days(*numbers: int) -> bytes:
    return struct.pack("<I", sum(1 << number for number in numbers))


WEEKDAY_OF_SUNDAY_0 = (rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA)
KINDS: list[tuple[str, tuple[int, int, int, bytes], dict[str, Any]]] = [
    ("every day", (r.DAILY, r.DAY, 1440, b""), {"freq": rrule.DAILY}),
    ("every third day", (r.DAILY, r.DAY, 3 * 1440, b""), {"freq": rrule.DAILY, "interval": 3}),
    ("every weekday", (r.DAILY, r.WEEK, 1, days(1, 2, 3, 4, 5)), {"freq": rrule.WEEKLY, "byweekday": range(5)}),
    ("weekly", (r.WEEKLY, r.WEEK, 1, days(4)), {"freq": rrule.WEEKLY, "byweekday": [rrule.TH]}),
    ("every second week on three days", (r.WEEKLY, r.WEEK, 2, days(0, 1, 6)),
     {"freq": rrule.WEEKLY, "interval": 2, "byweekday": [rrule.SU, rrule.MO, rrule.SA]}),
    ("monthly", (r.MONTHLY, r.MONTH, 1, struct.pack("<I", 15)), {"freq": rrule.MONTHLY, "bymonthday": 15}),
    ("the 31st, or the last", (r.MONTHLY, r.MONTH, 1, struct.pack("<I", 31)),
     {"freq": rrule.MONTHLY, "bymonthday": -1}),
    ("the last day of each quarter", (r.MONTHLY, r.MONTH_END, 3, struct.pack("<I", 31)),
     {"freq": rrule.MONTHLY, "interval": 3, "bymonthday": -1}),
    ("the second Tuesday", (r.MONTHLY, r.MONTH_NTH, 1, days(2) + struct.pack("<I", 2)),
     {"freq": rrule.MONTHLY, "byweekday": rrule.TU(2)}),
    ("the last Friday every second month", (r.MONTHLY, r.MONTH_NTH, 2, days(5) + struct.pack("<I", 5)),
     {"freq": rrule.MONTHLY, "interval": 2, "byweekday": rrule.FR(-1)}),
    ("the first weekday", (r.MONTHLY, r.MONTH_NTH, 1, days(1, 2, 3, 4, 5) + struct.pack("<I", 1)),
     {"freq": rrule.MONTHLY, "byweekday": range(5), "bysetpos": 1}),
    ("the last day of the weekend", (r.MONTHLY, r.MONTH_NTH, 1, days(0, 6) + struct.pack("<I", 5)),
     {"freq": rrule.MONTHLY, "byweekday": [rrule.SU, rrule.SA], "bysetpos": -1}),
    ("yearly", (r.YEARLY, r.MONTH, 12, struct.pack("<I", 29)), {"freq": rrule.YEARLY}),
    ("the fourth Thursday of January", (r.YEARLY, r.MONTH_NTH, 12, days(4) + struct.pack("<I", 4)),
     {"freq": rrule.YEARLY, "bymonth": 1, "byweekday": rrule.TH(4)}),
]  # fmt: skip


@pytest.mark.parametrize("dow", [0, 1, 6])
@pytest.mark.parametrize(("kind", "rule"), [case[1:] for case in KINDS], ids=[case[0] for case in KINDS])
def test_it_expands_as_an_independent_library_does(
    kind: tuple[int, int, int, bytes], rule: dict[str, Any], dow: int
) -> None:
    weeks = {"wkst": WEEKDAY_OF_SUNDAY_0[dow]}
    wanted = list(rrule.rrule(dtstart=START, count=40, **rule, **weeks))
    last = minutes(wanted[-1])
    by_count, by_date = pattern(kind, r.COUNT, 40, dow, last), pattern(kind, r.UNTIL, 10, dow, last)
    for blob in (by_count, by_date, pattern(kind, r.NEVER, 10, dow)):
        read = read_appointment_recurrence(blob)
        assert [occurrence.start.replace(hour=0) for occurrence in occurrences(read, 40)] == wanted
    with pytest.raises(StreamRefused, match="EndDate"):
        read_appointment_recurrence(pattern(kind, r.COUNT, 39, dow, last))


def changed(blob: bytes, at: int, form: str, value: int) -> bytes:
    return blob[:at] + struct.pack(form, value) + blob[at + struct.calcsize(form) :]


A_DAY_LATER = changed(samples.DAILY_DELETED, 38, "<I", 0x0CDCC1A0 + 1440)
OTHER_TEXT = samples.WEEKLY_CHANGED.replace(b"S\0i\0m", b"s\0i\0m")
SPOILED: list[tuple[str, Callable[[bytes], Any], bytes]] = [
    ("a version", read_appointment_recurrence, changed(samples.WEEKLY, 0, "<H", 0x3005)),
    ("a frequency", read_appointment_recurrence, changed(samples.WEEKLY, 4, "<H", 0x200E)),
    ("a pattern of another frequency", read_appointment_recurrence, changed(samples.WEEKLY, 6, "<H", 2)),
    ("a first day", read_appointment_recurrence, changed(samples.WEEKLY, 10, "<I", 0)),
    ("no period", read_appointment_recurrence, changed(samples.WEEKLY, 14, "<I", 0)),
    ("a task's sliding", read_appointment_recurrence, changed(samples.WEEKLY, 18, "<I", 1)),
    ("no days", read_appointment_recurrence, changed(samples.WEEKLY, 22, "<I", 0)),
    ("an end of no kind", read_appointment_recurrence, changed(samples.WEEKLY, 26, "<I", 0x2024)),
    ("a count of none", read_appointment_recurrence, changed(samples.WEEKLY, 30, "<I", 0)),
    ("another count", read_appointment_recurrence, changed(samples.WEEKLY, 30, "<I", 11)),
    ("a week that begins on day 7", read_appointment_recurrence, changed(samples.WEEKLY, 34, "<I", 7)),
    ("deleted days that are not there", read_appointment_recurrence, changed(samples.WEEKLY, 38, "<I", 99)),
    ("a start within a day", read_appointment_recurrence, changed(samples.WEEKLY, 46, "<I", 0x0CBC2081)),
    ("bytes left over", read_appointment_recurrence, samples.WEEKLY + b"\0"),
    ("bytes missing", read_appointment_recurrence, samples.WEEKLY[:-1]),
    ("a modified day more", read_appointment_recurrence, changed(samples.WEEKLY_CHANGED, 46, "<I", 0)),
    ("a deleted day of no occurrence", read_appointment_recurrence, A_DAY_LATER),
    ("an unknown override", read_appointment_recurrence, changed(samples.WEEKLY_CHANGED, 88, "<H", 0x0411)),
    ("a subject's length", read_appointment_recurrence, changed(samples.WEEKLY_CHANGED, 90, "<H", 0x21)),
    ("other texts in the second spelling", read_appointment_recurrence, OTHER_TEXT),
    ("a definition's header", read_time_zone_definition, changed(samples.PACIFIC, 2, "<H", 0x31)),
    ("no rules", read_time_zone_definition, changed(samples.PACIFIC, 50, "<H", 0)),
    ("a month 13", read_time_zone_definition, samples.PACIFIC.replace(b"\0\0\x0a\0\0\0\x05", b"\0\0\x0d\0\0\0\x05")),
    ("a zone that is short", read_time_zone_struct, bytes(47)),
    ("a zone that is long", read_time_zone_struct, bytes(49)),
    ("an id of another kind", read_global_object_id, bytes(56)),
    ("an id of a day that never was", read_global_object_id, changed(samples.GLOBAL_OBJECT_ID, 18, "<B", 13)),
    ("an id of another size", read_global_object_id, samples.GLOBAL_OBJECT_ID[:-1]),
    ("RTF with another checksum", read_rtf, changed(samples.RTF_HELLO, 12, "<I", 0)),
    ("RTF of another size", read_rtf, changed(samples.RTF_HELLO, 4, "<I", 44)),
    ("RTF of another kind", read_rtf, changed(samples.RTF_HELLO, 8, "<I", 0)),
    ("RTF that is cut", read_rtf, samples.RTF_HELLO[:-2]),
    ("a one-off without address", read_entry, items.one_off("A", "a@b.c")[:-12]),
    ("a one-off and more", read_entry, items.one_off("A", "a@b.c") + b"\0"),
    ("an id of nobody", read_entry, bytes(40)),
    ("a wrapped id of no kind", read_member, bytes(4) + WRAPPED + b"\x05" + bytes(30)),
]  # fmt: skip


@pytest.mark.parametrize(("read", "blob"), [case[1:] for case in SPOILED], ids=[case[0] for case in SPOILED])
def test_a_spoiled_blob_is_refused(read: Callable[[bytes], Any], blob: bytes) -> None:
    with pytest.raises(StreamRefused):
        read(blob)


def test_a_tasks_recurrence_ends_before_the_appointments_part() -> None:
    assert read_task_recurrence(samples.WEEKLY[:54]).count == 12
    with pytest.raises(StreamRefused):
        read_task_recurrence(samples.WEEKLY)


def test_zones_and_ids() -> None:
    zone = read_time_zone_definition(samples.PACIFIC)
    assert (zone.name, [rule.year for rule in zone.rules]) == ("Pacific Standard Time", [2006, 2007])
    assert zone.effective is not None and zone.effective.standard.month == 11
    kept = read_global_object_id(samples.GLOBAL_OBJECT_ID)
    assert (kept.occurrence, str(time_of(kept.created))[:19]) == (date(2008, 3, 25), "2008-02-20 17:16:51")
    with pytest.raises(StreamRefused):
        read_global_object_id(samples.GLOBAL_OBJECT_ID, clean=True)
    data = b"vCal-Uid\1\0\0\0weekly@contoso.com\0"
    foreign = samples.GLOBAL_OBJECT_ID[:16] + bytes(20) + struct.pack("<I", len(data)) + data
    assert read_global_object_id(foreign).uid == "weekly@contoso.com"


@pytest.mark.parametrize("month", range(1, 13))
def test_local_times_are_those_of_an_independent_clock(month: int) -> None:
    rule, clock = read_time_zone_definition(samples.PACIFIC).effective, ZoneInfo("America/Los_Angeles")
    assert rule is not None
    for day in range(1, 29):
        for hour in (0, 4, 23):
            local = datetime(2026, month, day, hour, 30)
            assert to_utc(local, rule) == local.replace(tzinfo=clock).astimezone(UTC).replace(tzinfo=None)
    south = replace(rule, standard=rule.daylight, daylight=rule.standard)
    assert to_utc(datetime(2026, 1, 5), south) == datetime(2026, 1, 5, 7) and to_utc(
        datetime(2026, 7, 5), south
    ) == datetime(2026, 7, 5, 8)


def test_compressed_rtf() -> None:
    assert read_rtf(samples.RTF_HELLO) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert read_rtf(samples.RTF_CROSSING) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    raw = b"{\\rtf1 plain}"
    assert read_rtf(struct.pack("<II", len(raw) + 12, len(raw)) + b"MELA" + bytes(4) + raw) == raw
    assert crc(b"\x03\x00\x0a\x00rcpg125B2\x0a\xf3 hel\x09\x00 bw\x05\xb0ld}\x0a\x80\x0f\xa0") == 0xA7C7C5F1


BOOK = bytes(4) + ADDRESS_BOOK + struct.pack("<II", 1, 0) + b"/o=first/cn=a\0"


def test_entry_ids_and_members() -> None:
    one_off = items.one_off("Alice", "alice@contoso.com")
    assert read_entry(one_off) == OneOff("Alice", "SMTP", "alice@contoso.com", rich=False)
    assert read_entry(BOOK) == BookEntry(0, "/o=first/cn=a")
    contact = bytes(4) + CONTACT + struct.pack("<IIII", 3, 4, 1, 2) + b"id"
    assert read_entry(contact) == ContactEntry(1, b"id")
    assert read_member(one_off) == read_entry(one_off)
    user = bytes(4) + WRAPPED + b"\xb5" + BOOK
    assert read_member(user) == Wrapped(5, 3, BOOK, BookEntry(0, "/o=first/cn=a"))
    assert read_member(bytes(4) + WRAPPED + b"\x93id") == Wrapped(3, 1, b"id", None)
    member = struct.pack("<I", len(user)) + user + struct.pack("<I", len(one_off)) + one_off + bytes(4)
    sizes = struct.pack("<HHIIIIII", 1, 0, 12, 0, 1, len(user), len(one_off), 0)
    assert len(read_list_stream(sizes + member + bytes(8))) == 1
    with pytest.raises(StreamRefused):
        read_list_stream(sizes + member + bytes(4))


def a_list(members: tuple[bytes, ...], one_offs: tuple[bytes, ...]) -> StoredProperties:
    keys = {Name(ADDRESS, 0x8055): members, Name(ADDRESS, 0x8054): one_offs}
    return StoredProperties(items.put({0x001A: "IPM.DistList", **keys}))


def test_members_of_a_list_are_told_twice_in_one_order() -> None:
    one_off = items.one_off("Alice", "alice@contoso.com")
    check_item(a_list((one_off,), (one_off,)))
    for bad in (a_list((one_off,), ()), a_list((b"x",), (one_off,)), a_list((one_off,) * 200, (one_off,) * 200)):
        with pytest.raises(StreamRefused):
            check_item(bad)


def a_contact(**blocks: Any) -> StoredProperties:
    values: dict[Any, Any] = {
        0x001A: "IPM.Contact", 0x3001: "Alice", Name(ADDRESS, 0x8082): "SMTP",
        Name(ADDRESS, 0x8083): "alice@contoso.com", Name(ADDRESS, 0x8085): items.one_off("Alice", "alice@contoso.com"),
        Name(ADDRESS, 0x8028): (0,), Name(ADDRESS, 0x8029): 1,
    }  # fmt: skip
    values |= {Name(ADDRESS, int(key[1:], 16)): value for key, value in blocks.items()}
    return StoredProperties(items.put({key: value for key, value in values.items() if value is not None}))


@pytest.mark.parametrize(
    "blocks",
    [{"x8085": items.one_off("A", "b@contoso.com")}, {"x8028": (1,)}, {"x8029": 3}, {"x8083": None}, {"x8085": b"x"}],
)
def test_the_addresses_of_a_contact_agree(blocks: dict[str, Any]) -> None:
    check_item(a_contact())
    with pytest.raises(StreamRefused):
        check_item(a_contact(**blocks))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (Name(APPOINTMENT, 0x820E), items.MONDAY.replace(year=2006)), (Name(APPOINTMENT, 0x8223), False),
        (Name(APPOINTMENT, 0x8233), bytes(48)), (Name(MEETING, 0x23), samples.GLOBAL_OBJECT_ID),
        (Name(APPOINTMENT, 0x8216), samples.WEEKLY[:-1]), (0x0071, b"\2" * 22), (0x0071, b"\1" * 23),
        (0x1009, samples.RTF_HELLO[:-1]), (0x004F, b"\1"),
    ],
)  # fmt: skip
def test_a_series_whose_properties_disagree_is_refused(key: Any, value: Any) -> None:
    series = items.a_series()
    check_item(series)
    series.properties.update(items.put({key: value}))
    with pytest.raises(StreamRefused):
        check_item(series)


def test_a_blob_is_refused_at_its_place_in_the_stream() -> None:
    series = items.a_series()
    series.properties.update(items.put({Name(APPOINTMENT, 0x8216): changed(samples.WEEKLY_CHANGED, 30, "<I", 0)}))
    stream = write_stream(series)
    with pytest.raises(StreamRefused) as caught:
        check_item(read_stream(stream))
    assert caught.value.fault is Fault.BAD_VALUE and "AppointmentRecur" in caught.value.where
    assert caught.value.offset == stream.index(bytes.fromhex("043004300B20")) + 30
