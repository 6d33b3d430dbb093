"""The recurrence blob: PidLidAppointmentRecur and PidLidTaskRecurrence (MS-OXOCAL 2.2.1.44).

All times in it are local to the series' time zone, in minutes since 1601-01-01.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.refusal import Fault

DAILY, WEEKLY, MONTHLY, YEARLY = 0x200A, 0x200B, 0x200C, 0x200D
DAY, WEEK, MONTH, MONTH_NTH, MONTH_END, HJ_MONTH, HJ_MONTH_NTH, HJ_MONTH_END = 0, 1, 2, 3, 4, 0xA, 0xB, 0xC
UNTIL, COUNT, NEVER = 0x2021, 0x2022, 0x2023
_NEVER_TOO = 0xFFFFFFFF
_PATTERNS = {
    DAILY: (DAY, WEEK),
    WEEKLY: (WEEK,),
    MONTHLY: (MONTH, MONTH_NTH, MONTH_END, HJ_MONTH, HJ_MONTH_NTH, HJ_MONTH_END),
    YEARLY: (MONTH, MONTH_NTH, MONTH_END, HJ_MONTH, HJ_MONTH_NTH, HJ_MONTH_END),
}
_CALENDARS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xA, 0xB, 0xC, 0xE, 0xF, 0x10, 0x11, 0x13, 0x14, 0x17}
END_OF_TIME = 0x5AE980DF
_DAY = 24 * 60
_EPOCH = datetime(1601, 1, 1)
_MOST = 4096  # instances: no blob of Exchange's has more


@dataclass(frozen=True)
class Change:
    """A changed occurrence, local times. What is None stays as in the series."""

    original: datetime
    start: datetime
    end: datetime
    flags: int
    subject: str | None = None
    location: str | None = None
    meeting_type: int | None = None
    reminder_minutes: int | None = None
    reminder_set: int | None = None
    busy_status: int | None = None
    attachment: int | None = None
    all_day: int | None = None
    color: int | None = None


@dataclass(frozen=True)
class Recurrence:
    """deleted: days (midnights) that the pattern gives and the series does not have, changed ones among them."""

    frequency: int
    pattern: int
    calendar: int
    first: int
    period: int  # days in minutes, weeks or months
    sliding: bool
    days: int  # of the week: bit 0 is Sunday. Patterns Week, MonthNth
    day: int  # of the month. Patterns Month, MonthEnd
    nth: int  # 1 to 4, 5: the last
    end_kind: int
    count: int
    first_day_of_week: int
    deleted: tuple[datetime, ...]
    modified: tuple[datetime, ...]
    start: datetime
    end: datetime | None
    start_offset: int = 0  # minutes since midnight
    end_offset: int = 0
    changes: tuple[Change, ...] = field(default=())


def moment(minutes: int) -> datetime:
    return _EPOCH + timedelta(minutes=minutes)


def minutes_of(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(minutes=1)


def read_task_recurrence(blob: bytes) -> Recurrence:
    """PidLidTaskRecurrence: a RecurrencePattern and nothing after it."""
    cursor = Cursor(blob)
    recurrence = read_pattern(cursor, sliding=True)
    cursor.end("the RecurrencePattern")
    return recurrence


def read_pattern(cursor: Cursor, *, sliding: bool = False) -> Recurrence:
    """A RecurrencePattern (2.2.1.44.1). sliding: of a task, whose SlidingFlag may be set."""
    for name in ("ReaderVersion", "WriterVersion"):
        _among(cursor, 2, {0x3004}, name)
    frequency = _among(cursor, 2, set(_PATTERNS), "RecurFrequency")
    pattern = _among(cursor, 2, set(_PATTERNS[frequency]), "PatternType of that frequency")
    calendar = _among(cursor, 2, _CALENDARS, "CalendarType")
    first_at, first = cursor.at, cursor.u32("FirstDateTime")
    period = _period(cursor, frequency, pattern)
    slides = _among(cursor, 4, {0, 1} if sliding else {0}, "SlidingFlag")
    days, day, nth = _specific(cursor, pattern)
    end_kind = _among(cursor, 4, {UNTIL, COUNT, NEVER, _NEVER_TOO}, "EndType")
    at, count = cursor.at, cursor.u32("OccurrenceCount")
    if end_kind == COUNT and not 0 < count <= 999_999:
        cursor.refuse(Fault.BAD_VALUE, "OccurrenceCount of a series that ends after so many", str(count), at)
    dow = _among(cursor, 4, set(range(7)), "FirstDOW")
    deleted = _dates(cursor, "DeletedInstanceDates")
    at, modified = cursor.at, _dates(cursor, "ModifiedInstanceDates")
    if len(modified) > len(deleted):
        cursor.refuse(Fault.BAD_VALUE, f"at most {len(deleted)} modified instances", str(len(modified)), at)
    start = moment(_midnight(cursor, "StartDate"))
    at, last = cursor.at, cursor.u32("EndDate")
    endless = end_kind in (NEVER, _NEVER_TOO)
    if endless != (last == END_OF_TIME):
        wanted = f"0x{END_OF_TIME:08X}" if endless else "the day of the last occurrence"
        cursor.refuse(Fault.BAD_VALUE, f"EndDate: {wanted}", f"0x{last:08X}", at)
    if not endless and (last % _DAY or moment(last) < start):
        cursor.refuse(Fault.BAD_VALUE, "EndDate: a midnight from StartDate on", str(moment(last)), at)
    wanted_first = _first(frequency, pattern, calendar, period, dow, minutes_of(start))
    if wanted_first is not None and not slides and first != wanted_first:
        cursor.refuse(Fault.BAD_VALUE, f"FirstDateTime {wanted_first} (2.2.1.44.1)", str(first), first_at)
    return Recurrence(
        frequency, pattern, calendar, first, period, bool(slides), days, day, nth, NEVER if endless else end_kind,
        count, dow, deleted, modified, start, None if endless else moment(last),
    )  # fmt: skip


def _among(cursor: Cursor, size: int, values: set[int], name: str) -> int:
    at = cursor.at
    value = cursor.u16(name) if size == 2 else cursor.u32(name)
    if value not in values:
        wanted = ", ".join(f"0x{value:X}" for value in sorted(values)[:8])
        cursor.refuse(Fault.BAD_VALUE, f"{name}: {wanted}", f"0x{value:X}", at)
    return value


def _period(cursor: Cursor, frequency: int, pattern: int) -> int:
    at, period = cursor.at, cursor.u32("Period")
    if pattern == DAY:
        right = period > 0 and period % _DAY == 0 and period <= 999 * _DAY
    elif pattern == WEEK:
        right = 0 < period <= 99 if frequency == WEEKLY else period == 1
    else:
        right = 0 < period <= 99 if frequency == MONTHLY else period % 12 == 0 and 0 < period <= 12 * 99
    if not right:
        cursor.refuse(Fault.BAD_VALUE, "Period: of days in minutes, of weeks, of months", str(period), at)
    return period


def _specific(cursor: Cursor, pattern: int) -> tuple[int, int, int]:
    """PatternTypeSpecific: (days of the week, day of the month, which of them)."""
    days = day = nth = 0
    if pattern in (WEEK, MONTH_NTH, HJ_MONTH_NTH):
        at, days = cursor.at, cursor.u32("the days of PatternTypeSpecific")
        if not 0 < days < 128:
            cursor.refuse(Fault.BAD_VALUE, "days of the week, bits 0 to 6", f"0x{days:X}", at)
    if pattern in (MONTH_NTH, HJ_MONTH_NTH):
        nth = _among(cursor, 4, {1, 2, 3, 4, 5}, "N of PatternTypeSpecific")
    if pattern in (MONTH, MONTH_END, HJ_MONTH, HJ_MONTH_END):
        day = _among(cursor, 4, set(range(1, 32)), "Day of PatternTypeSpecific")
    return days, day, nth


def _dates(cursor: Cursor, name: str) -> tuple[datetime, ...]:
    """A count, and so many midnights, ascending."""
    at, count = cursor.at, cursor.u32(f"the number of {name}")
    if count > min(_MOST, cursor.left // 4):
        cursor.refuse(Fault.BAD_LENGTH, f"as many {name} as there are bytes", str(count), at)
    at, dates = cursor.at, tuple(moment(_midnight(cursor, name)) for _ in range(count))
    if any(later <= earlier for earlier, later in pairwise(dates)):
        cursor.refuse(Fault.WRONG_ORDER, f"{name}, each later than the one before", "another order", at)
    return dates


def _midnight(cursor: Cursor, name: str) -> int:
    at, minutes = cursor.at, cursor.u32(name)
    if minutes % _DAY or minutes >= END_OF_TIME:
        cursor.refuse(Fault.BAD_VALUE, f"{name}: a midnight", str(minutes), at)
    return minutes


def _first(frequency: int, pattern: int, calendar: int, period: int, dow: int, start: int) -> int | None:
    """FirstDateTime as 2.2.1.44.1 computes it; None: by a calendar that the lab does not know."""
    if pattern == DAY:
        return start % period
    if pattern == WEEK:
        week_day = (start // _DAY + 1) % 7  # 1601-01-01 was a Monday; Sunday is 0
        week = start - (week_day - dow) % 7 * _DAY
        return week % (period * 7 * _DAY)
    if calendar not in (0, 1, 2, 9, 0xA, 0xB, 0xC) or pattern >= HJ_MONTH:
        return None
    day = moment(start)
    months = ((day.year - 1601) * 12 + day.month - 1) % period
    return minutes_of(_EPOCH.replace(year=1601 + months // 12, month=months % 12 + 1))
