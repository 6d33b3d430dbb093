"""Expands a recurrence blob to its occurrences, by the text of MS-OXOCAL 2.2.1.44.1 and nothing else."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.cloud.item_stream import recurrence as r
from lab.cloud.item_stream.recurrence import Change, Recurrence

_LAST_YEAR = 4500
GREGORIAN = {0, 1, 2, 9, 0xA, 0xB, 0xC}


@dataclass(frozen=True, order=True)
class Occurrence:
    """Local times of the series. change: what is other than in the series."""

    start: datetime
    end: datetime
    change: Change | None = None


def occurrences(recurrence: Recurrence, most: int = 10_000) -> list[Occurrence]:
    """In order of time, at most so many. ValueError: a calendar or a pattern that the lab does not know."""
    given_up = set(recurrence.deleted)
    start, end = timedelta(minutes=recurrence.start_offset), timedelta(minutes=recurrence.end_offset)
    kept = [Occurrence(change.start, change.end, change) for change in recurrence.changes]
    for number, day in enumerate(days(recurrence)):
        if number >= most:
            break
        if day not in given_up:
            kept.append(Occurrence(day + start, day + end))
    return sorted(kept, key=lambda occurrence: occurrence.start)[:most]


def is_expandable(recurrence: Recurrence) -> bool:
    """Gregorian, under any of its names (MS-OXOCAL 2.2.1.44.1, CalendarType)."""
    return recurrence.calendar in GREGORIAN and recurrence.pattern < r.HJ_MONTH


def days(recurrence: Recurrence) -> Iterator[datetime]:
    """Midnights that the pattern gives, deleted ones too, up to its end."""
    if not is_expandable(recurrence):
        raise ValueError("the lab expands Gregorian recurrences only")
    for number, day in enumerate(_pattern(recurrence)):
        if recurrence.end_kind == r.COUNT and number >= recurrence.count:
            return
        if recurrence.end is not None and day > recurrence.end:
            return
        yield day


def _pattern(recurrence: Recurrence) -> Iterator[datetime]:
    if recurrence.pattern == r.DAY:
        day = recurrence.start
        while day.year < _LAST_YEAR:
            yield day
            day += timedelta(minutes=recurrence.period)
    elif recurrence.pattern == r.WEEK:
        yield from _weeks(recurrence)
    else:
        yield from _months(recurrence)


def _sunday_is_0(day: datetime) -> int:
    return (day.weekday() + 1) % 7


def _weeks(recurrence: Recurrence) -> Iterator[datetime]:
    """The days of every period-th week; weeks begin on FirstDOW."""
    start = recurrence.start
    week = start - timedelta(days=(_sunday_is_0(start) - recurrence.first_day_of_week) % 7)
    while week.year < _LAST_YEAR:
        for number in range(7):
            day = week + timedelta(days=number)
            if day >= start and recurrence.days >> _sunday_is_0(day) & 1:
                yield day
        week += timedelta(weeks=recurrence.period)


def _months(recurrence: Recurrence) -> Iterator[datetime]:
    year, month = recurrence.start.year, recurrence.start.month
    while year < _LAST_YEAR:
        day = _in_month(recurrence, year, month)
        if day is not None and day >= recurrence.start:
            yield day
        year, month = year + (month - 1 + recurrence.period) // 12, (month - 1 + recurrence.period) % 12 + 1


def _in_month(recurrence: Recurrence, year: int, month: int) -> datetime | None:
    length = calendar.monthrange(year, month)[1]
    if recurrence.pattern == r.MONTH_NTH:
        fitting = [
            day
            for day in (datetime(year, month, number) for number in range(1, length + 1))
            if recurrence.days >> _sunday_is_0(day) & 1
        ]
        return fitting[-1 if recurrence.nth == 5 else recurrence.nth - 1]
    if recurrence.pattern == r.MONTH_END:
        return datetime(year, month, length)
    # A month that is too short has it on its last day (2.2.1.44.1.5: the 31st).
    return datetime(year, month, min(recurrence.day, length))
