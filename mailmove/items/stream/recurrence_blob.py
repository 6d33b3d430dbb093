"""The blobs PidLidAppointmentRecur and PidLidTaskRecurrence of a series (MS-OXOCAL 2.2.1.44, MS-OXOTASK 2.2.2.2.15).

Two spellings follow MS-OXCICAL 2.1.3.2.2, which every server reads: the end of a month is the day 31 of PatternType
Month, and every n-th year is every 12n-th month.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import date, datetime

from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.recurrence import (
    LAST,
    WORKING_DAYS,
    ChangedOccurrence,
    Daily,
    EveryWorkingDay,
    MonthEnd,
    MonthlyByDay,
    MonthlyNth,
    Series,
    Weekday,
    Weekly,
    YearlyByDay,
    YearlyNth,
)  # fmt: skip

READER, READER_2, WRITER_2 = 0x3004, 0x3006, 0x3009
DAILY, WEEKLY, MONTHLY, YEARLY = 0x200A, 0x200B, 0x200C, 0x200D
DAY, WEEK, MONTH, MONTH_NTH = 0, 1, 2, 3
END_BY_DATE, END_AFTER_COUNT, NEVER_ENDS = 0x2021, 0x2022, 0x2023
COUNT_OF_ENDLESS, DATE_OF_ENDLESS = 10, 0x5AE980DF
LONGEST_TEXT = 0xFFFF - 1
_START = datetime(1601, 1, 1)
_DAY = 1440
_OVERRIDES = {
    "subject": 0x0001, "meeting_type": 0x0002, "reminder_delta": 0x0004, "reminder_set": 0x0008, "location": 0x0010,
    "busy_status": 0x0020, "has_attachments": 0x0040, "all_day": 0x0080,
}  # fmt: skip
"""Field of ChangedOccurrence -> its flag, in the order in which values are written."""
_OWN_BODY = 0x0200


def minutes(moment: date | datetime) -> int:
    """Since 1601, local. ItemUnwritable: before that."""
    at = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    count = int((at.replace(tzinfo=None) - _START).total_seconds() // 60)
    if count < 0:
        raise unwritable("a day of a series", "one before 1601", "SeriesUnfit")
    return count


def appointment_recurrence(series: Series) -> bytes:
    """AppointmentRecurrencePattern (2.2.1.44.5). ItemUnwritable: a number or a day that the pattern cannot have."""
    changed = sorted(series.changed, key=lambda occurrence: occurrence.start)
    infos = b"".join(_info(occurrence, series) for occurrence in changed)
    extended = b"".join(_extended(occurrence, series) for occurrence in changed)
    return (
        recurrence_pattern(series)
        + struct.pack("<IIII", READER_2, WRITER_2, series.starts_at, series.starts_at + series.lasts)
        + struct.pack("<H", len(changed))
        + infos
        + bytes(4)
        + extended
        + bytes(4)
    )


def recurrence_pattern(series: Series, *, slides: bool = False) -> bytes:
    """RecurrencePattern (2.2.1.44.1). slides: a task that comes anew some time after it was done."""
    frequency, kind, period, specific = _pattern(series)
    gone = sorted({*series.deleted, *(occurrence.original for occurrence in series.changed)})
    moved = sorted(occurrence.start.date() for occurrence in series.changed)
    count, first, last = _check(series, gone)
    end, end_count, end_date = NEVER_ENDS, COUNT_OF_ENDLESS, DATE_OF_ENDLESS
    if series.count is not None:
        end, end_count, end_date = END_AFTER_COUNT, series.count, minutes(last)
    elif series.until is not None:
        end, end_count, end_date = END_BY_DATE, count, minutes(series.until)
    return (
        struct.pack("<HHHHH", READER, READER, frequency, kind, 0)
        + struct.pack("<III", _first(series, first, kind, period), period, slides)
        + specific
        + struct.pack("<III", end, end_count, series.first_day)
        + _dates(gone)
        + _dates(moved)
        + struct.pack("<II", minutes(first), end_date)
    )


def _pattern(series: Series) -> tuple[int, int, int, bytes]:
    """RecurFrequency, PatternType, Period and PatternTypeSpecific."""
    pattern = series.pattern
    every = getattr(pattern, "every", 1)
    _within("interval", every, 1, 999)
    yearly = YEARLY if every == 1 else MONTHLY
    match pattern:
        case Daily():
            return DAILY, DAY, every * _DAY, b""
        case EveryWorkingDay():
            return DAILY, WEEK, 1, _mask(WORKING_DAYS)
        case Weekly():
            return WEEKLY, WEEK, every, _mask(pattern.days)
        case MonthlyByDay():
            return MONTHLY, MONTH, every, _number("day", pattern.day, 31)
        case MonthEnd():
            return MONTHLY, MONTH, every, _number("day", 31, 31)
        case MonthlyNth():
            return MONTHLY, MONTH_NTH, every, _mask(pattern.days) + _number("position", pattern.position, LAST)
        case YearlyByDay():
            _within("month", pattern.month, 1, 12)
            return yearly, MONTH, 12 * every, _number("day", pattern.day, 31)
        case YearlyNth():
            _within("month", pattern.month, 1, 12)
            return yearly, MONTH_NTH, 12 * every, _mask(pattern.days) + _number("position", pattern.position, LAST)


def _first(series: Series, first: date, kind: int, period: int) -> int:
    """FirstDateTime (2.2.1.44.1.1): where the first such day, week or month after 1601 began would lie."""
    start = minutes(first)
    if kind == DAY:
        return start % period
    if kind == WEEK:
        return (start - (Weekday.of(first) - series.first_day) % 7 * _DAY) % (period * 7 * _DAY)
    months = ((first.year - 1601) * 12 + first.month - 1) % period
    return minutes(date(1601 + months // 12, months % 12 + 1, 1))


def _check(series: Series, gone: list[date]) -> tuple[int, date, date]:
    """Count of occurrences, the first and the last one (of an endless series: the last that matters).

    ItemUnwritable: there is none, or a deleted or changed day is none, or stands twice.
    """
    if series.count is not None:
        _within("count of occurrences", series.count, 1, 2**31 - 1)
    _within("start", series.starts_at, 0, _DAY - 1)
    _within("duration", series.lasts, 0, 2**31 - 1 - _DAY)
    if len(gone) != len(series.changed) + len(series.deleted):
        raise unwritable("occurrences that are deleted or changed, and once", "a day named twice", "SeriesUnfit")
    ends = series.count is not None or series.until is not None
    missing, days = set(gone), series.days()
    first = last = next(days, None)
    if first is None or last is None:
        raise unwritable("a series with an occurrence", "none before its end", "SeriesUnfit")
    missing.discard(first)
    count = 1
    while (ends or missing) and (day := next(days, None)) is not None:
        missing.discard(day)
        count, last = count + 1, day
        if not ends and missing and day > max(missing):
            break
    if missing:
        wanted = "deleted or changed days that are occurrences"
        raise unwritable(wanted, f"{len(missing)} that are none", "SeriesUnfit")
    if series.count is not None and count != series.count:
        raise unwritable(f"a series of {series.count} occurrences", f"{count} before the year 4500", "SeriesUnfit")
    return count, first, last


def _info(occurrence: ChangedOccurrence, series: Series) -> bytes:
    """ExceptionInfo (2.2.1.44.2). Its texts are in ANSI, with `?` for other letters: the extension has them whole."""
    flags = sum(flag for name, flag in _OVERRIDES.items() if getattr(occurrence, name) is not None)
    flags |= _OWN_BODY * occurrence.own_body
    written = [_times(occurrence, series), struct.pack("<H", flags)]
    for name in _OVERRIDES:
        value = getattr(occurrence, name)
        if isinstance(value, str):
            _within("letters of a text", len(value), 0, LONGEST_TEXT)
            ansi = value.encode("cp1252", "replace")
            written += [struct.pack("<HH", len(ansi) + 1, len(ansi)), ansi]
        elif value is not None:
            _within(name, value, -(2**31) if name == "reminder_delta" else 0, 2**31 - 1)
            written.append(struct.pack("<i", value))
    return b"".join(written)


def _extended(occurrence: ChangedOccurrence, series: Series) -> bytes:
    """ExtendedException (2.2.1.44.4), of WriterVersion2 0x3009."""
    highlight = struct.pack("<II", 4, occurrence.change_highlight) + bytes(4)
    texts = [text for text in (occurrence.subject, occurrence.location) if text is not None]
    if not texts:
        return highlight
    wide = b"".join(_wide(text) for text in texts)
    return highlight + _times(occurrence, series) + wide + bytes(4)


def _times(occurrence: ChangedOccurrence, series: Series) -> bytes:
    original = minutes(occurrence.original) + series.starts_at
    return struct.pack("<III", minutes(occurrence.start), minutes(occurrence.end), original)


def _wide(text: str) -> bytes:
    try:
        encoded = text.encode("utf-16-le")
    except UnicodeError:
        raise unwritable("a text of a changed occurrence", "half a character", "SeriesUnfit") from None
    _within("letters of a text", len(encoded) // 2, 0, LONGEST_TEXT)
    return struct.pack("<H", len(encoded) // 2) + encoded


def _dates(days: list[date]) -> bytes:
    return struct.pack(f"<I{len(days)}I", len(days), *(minutes(day) for day in days))


def _mask(days: Iterable[Weekday]) -> bytes:
    mask = sum(1 << day for day in set(days))
    _within("count of weekdays", mask.bit_count(), 1, 7)
    return struct.pack("<I", mask)


def _number(what: str, value: int, most: int) -> bytes:
    _within(what, value, 1, most)
    return struct.pack("<I", value)


def _within(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise unwritable(f"a series whose {what} is from {least} to {most}", str(value), "SeriesUnfit")
