"""Recurrences: the twelve kinds, and their blobs with deleted and changed occurrences (MS-OXOCAL 2.2.1.44).

The days of a pattern come from the lab's own expander; that it is right is shown beside an independent library in
`tests/lab_stream/test_stream_blobs.py`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from lab.cloud.item_stream import appointment_recurrence as a
from lab.cloud.item_stream import recurrence as r
from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.occurrences import days

_EPOCH = datetime(1601, 1, 1)
_DAY = 1440


@dataclass(frozen=True)
class Kind:
    """specific: PatternTypeSpecific."""

    name: str
    frequency: int
    pattern: int
    period: int
    specific: bytes = b""


def _week(*numbers: int) -> bytes:
    return struct.pack("<I", sum(1 << number for number in numbers))


def _nth(which: int, *numbers: int) -> bytes:
    return _week(*numbers) + struct.pack("<I", which)


def _on(day: int) -> bytes:
    return struct.pack("<I", day)


KINDS = (
    Kind("every day", r.DAILY, r.DAY, _DAY),
    Kind("every third day", r.DAILY, r.DAY, 3 * _DAY),
    Kind("every weekday", r.DAILY, r.WEEK, 1, _week(1, 2, 3, 4, 5)),
    Kind("weekly", r.WEEKLY, r.WEEK, 1, _week(4)),
    Kind("every second week on three days", r.WEEKLY, r.WEEK, 2, _week(1, 3, 5)),
    Kind("monthly on the 15th", r.MONTHLY, r.MONTH, 1, _on(15)),
    Kind("the last day of each quarter", r.MONTHLY, r.MONTH_END, 3, _on(31)),
    Kind("the second Tuesday", r.MONTHLY, r.MONTH_NTH, 1, _nth(2, 2)),
    Kind("the last Friday every second month", r.MONTHLY, r.MONTH_NTH, 2, _nth(5, 5)),
    Kind("the first weekday", r.MONTHLY, r.MONTH_NTH, 1, _nth(1, 1, 2, 3, 4, 5)),
    Kind("yearly", r.YEARLY, r.MONTH, 12, _on(28)),
    Kind("the fourth Thursday, yearly", r.YEARLY, r.MONTH_NTH, 12, _nth(4, 4)),
)


@dataclass(frozen=True)
class Changed:
    """A changed occurrence, in local times. None: as in the series. flags beyond what is given are computed."""

    day: datetime
    start: datetime
    end: datetime
    subject: str | None = None
    location: str | None = None
    reminder_minutes: int | None = None
    reminder_set: bool | None = None
    busy: int | None = None
    all_day: bool | None = None
    files: bool = False


def _minutes(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(minutes=1)


def _first_date(kind: Kind, start: datetime, first_day: int) -> int:
    """FirstDateTime (2.2.1.44.1)."""
    if kind.pattern == r.DAY:
        return _minutes(start) % kind.period
    if kind.pattern == r.WEEK:
        back = (start.isoweekday() % 7 - first_day) % 7
        return _minutes(start - timedelta(days=back)) % (kind.period * 7 * _DAY)
    months = ((start.year - 1601) * 12 + start.month - 1) % kind.period
    return _minutes(datetime(1601 + months // 12, months % 12 + 1, 1))


def pattern_blob(
    kind: Kind, start: datetime, last: datetime | None, *, count: int = 10, until: bool = False, first_day: int = 0,
    deleted: list[datetime] | None = None, modified: list[datetime] | None = None, slides: bool = False,
) -> bytes:  # fmt: skip
    """A RecurrencePattern. last: None of a series without end. until: it ends by date."""
    end_kind = r.NEVER if last is None else r.UNTIL if until else r.COUNT
    head = struct.pack(
        "<HHHHHIII", 0x3004, 0x3004, kind.frequency, kind.pattern, 0,
        0 if slides else _first_date(kind, start, first_day), kind.period, int(slides),
    )  # fmt: skip
    ends = struct.pack("<III", end_kind, count, first_day)
    dates = b"".join(
        struct.pack(f"<I{len(days)}I", len(days), *map(_minutes, days)) for days in (deleted or [], modified or [])
    )
    tail = struct.pack("<II", _minutes(start), r.END_OF_TIME if last is None else _minutes(last))
    return head + kind.specific + ends + dates + tail


def days_of(kind: Kind, start: datetime, number: int, first_day: int = 0) -> list[datetime]:
    """The first days that the pattern gives from a day on."""
    blob = pattern_blob(kind, start, None, first_day=first_day) + struct.pack("<IIIIHII", 0x3006, 0x3009, 0, 0, 0, 0, 0)
    return list(islice(days(read_appointment_recurrence(blob)), number))


def series_blob(
    kind: Kind, shown: list[datetime], *, start: int, length: int, ends: str, first_day: int,
    gone: list[datetime], changed: list[Changed],
) -> bytes:  # fmt: skip
    """An AppointmentRecurrencePattern. shown: all days of the pattern. start, length: minutes. ends: count, until,
    never. gone: days deleted for good."""
    given_up = sorted({*gone, *(change.day for change in changed)})
    modified = sorted(change.start.replace(hour=0, minute=0) for change in changed)
    pattern = pattern_blob(
        kind, shown[0], None if ends == "never" else shown[-1], count=10 if ends == "never" else len(shown),
        until=ends == "until", first_day=first_day, deleted=given_up, modified=modified,
    )  # fmt: skip
    ordered = sorted(changed, key=lambda change: change.start)
    infos = b"".join(_info(change, start) for change in ordered)
    extended = b"".join(_extended(change, start) for change in ordered)
    head = struct.pack("<IIIIH", 0x3006, 0x3009, start, start + length, len(ordered))
    return pattern + head + infos + struct.pack("<I", 0) + extended + struct.pack("<I", 0)


def _flags(change: Changed) -> int:
    bits = {
        a.SUBJECT: change.subject, a.REMINDER_DELTA: change.reminder_minutes, a.REMINDER: change.reminder_set,
        a.LOCATION: change.location, a.BUSY_STATUS: change.busy, a.SUB_TYPE: change.all_day,
        a.ATTACHMENT: change.files or None, a.BODY: True,
    }  # fmt: skip
    return sum(bit for bit, value in bits.items() if value is not None)


def _times(change: Changed, start: int) -> bytes:
    original = change.day + timedelta(minutes=start)
    return struct.pack("<III", _minutes(change.start), _minutes(change.end), _minutes(original))


def _info(change: Changed, start: int) -> bytes:
    """An ExceptionInfo (2.2.1.44.2)."""
    parts = [_times(change, start), struct.pack("<H", _flags(change))]
    if change.subject is not None:
        parts.append(_short(change.subject))
    if change.reminder_minutes is not None:
        parts.append(struct.pack("<I", change.reminder_minutes))
    if change.reminder_set is not None:
        parts.append(struct.pack("<I", change.reminder_set))
    if change.location is not None:
        parts.append(_short(change.location))
    if change.busy is not None:
        parts.append(struct.pack("<I", change.busy))
    if change.files:
        parts.append(struct.pack("<I", 1))
    if change.all_day is not None:
        parts.append(struct.pack("<I", change.all_day))
    return b"".join(parts)


def _short(text: str) -> bytes:
    raw = text.encode("cp1252", "replace")
    return struct.pack("<HH", len(raw) + 1, len(raw)) + raw


def _extended(change: Changed, start: int) -> bytes:
    """An ExtendedException (2.2.1.44.4)."""
    parts = [struct.pack("<III", 4, 0, 0)]
    if change.subject is not None or change.location is not None:
        parts.append(_times(change, start))
        for text in (change.subject, change.location):
            if text is not None:
                wide = text.encode("utf-16-le")
                parts.append(struct.pack("<H", len(wide) // 2) + wide)
        parts.append(struct.pack("<I", 0))
    return b"".join(parts)
