"""A series as typed values, and the days on which it falls. Source: MS-OXOCAL 2.2.1.44 and 2.2.1.44.1.

Gregorian calendar only: series of the Hijri, Hebrew and other calendars (CalendarType, HjMonth*) are copied as the blob
that they are, and not made here.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import TypeAlias


class Weekday(IntEnum):
    """As Windows counts them."""

    SUNDAY = 0
    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6

    @classmethod
    def of(cls, day: date) -> Weekday:
        return cls(day.isoweekday() % 7)


WORKING_DAYS = frozenset(Weekday(number) for number in range(1, 6))
ANY_DAY = frozenset(Weekday)
LAST = 5
"""Position of the last such day of a month, whether it is the fourth or the fifth."""


@dataclass(frozen=True)
class Daily:
    every: int = 1


@dataclass(frozen=True)
class EveryWorkingDay:
    """Monday to Friday."""


@dataclass(frozen=True)
class Weekly:
    days: frozenset[Weekday]
    every: int = 1


@dataclass(frozen=True)
class MonthlyByDay:
    """In a month without that day: on its last one, as Outlook counts."""

    day: int
    every: int = 1


@dataclass(frozen=True)
class MonthlyNth:
    """position: 1 to 4, or LAST; of the days of the month that are one of `days`."""

    days: frozenset[Weekday]
    position: int
    every: int = 1


@dataclass(frozen=True)
class MonthEnd:
    every: int = 1


@dataclass(frozen=True)
class YearlyByDay:
    """29 February is the 28th in other years."""

    month: int
    day: int
    every: int = 1


@dataclass(frozen=True)
class YearlyNth:
    month: int
    days: frozenset[Weekday]
    position: int
    every: int = 1


Pattern: TypeAlias = Daily | EveryWorkingDay | Weekly | MonthlyByDay | MonthlyNth | MonthEnd | YearlyByDay | YearlyNth


@dataclass(frozen=True)
class ChangedOccurrence:
    """original: the day on which it would have been. start, end: local, without a time zone.

    None: as the series has it.
    """

    original: date
    start: datetime
    end: datetime
    subject: str | None = None
    location: str | None = None
    meeting_type: int | None = None
    reminder_delta: int | None = None
    reminder_set: bool | None = None
    busy_status: int | None = None
    has_attachments: bool | None = None
    all_day: bool | None = None
    own_body: bool = False
    change_highlight: int = 0


@dataclass(frozen=True)
class Series:
    """start: its first day, or one before it. starts_at, lasts: minutes, local. count, until: how it ends; none: never.

    first_day: of a week; it decides which weeks a series of every second week takes. deleted: days of occurrences.
    """

    pattern: Pattern
    start: date
    starts_at: int
    lasts: int
    count: int | None = None
    until: date | None = None
    first_day: Weekday = Weekday.SUNDAY
    deleted: frozenset[date] = frozenset()
    changed: tuple[ChangedOccurrence, ...] = ()

    def days(self) -> Iterator[date]:
        """Of all its occurrences, as if none were deleted or changed; up to the year 4500, if it never ends."""
        falls = (day for day in _falls(self.pattern, self.start, self.first_day) if day >= self.start)
        last = self.until or _NEVER
        return itertools.islice(itertools.takewhile(lambda day: day <= last, falls), self.count)


_NEVER = date(4500, 8, 31)
"""Last day that a recurrence can name (MS-OXOCAL 2.2.1.44.1, EndDate)."""


def _falls(pattern: Pattern, start: date, first_day: Weekday) -> Iterator[date]:
    """From a day at or before the start; in order, up to _NEVER."""
    match pattern:
        case Daily():
            return _days(start, pattern.every)
        case EveryWorkingDay():
            return (day for day in _days(start, 1) if Weekday.of(day) in WORKING_DAYS)
        case Weekly():
            week = start - timedelta(days=(Weekday.of(start) - first_day) % 7)
            return (
                day
                for first in _days(week, 7 * pattern.every)
                for day in (first + timedelta(days=number) for number in range(7))
                if Weekday.of(day) in pattern.days
            )
        case MonthlyByDay():
            return (_on(first, pattern.day) for first in _months(start, pattern.every))
        case MonthEnd():
            return (_on(first, 31) for first in _months(start, pattern.every))
        case MonthlyNth():
            return _each(_nth(first, pattern.days, pattern.position) for first in _months(start, pattern.every))
        case YearlyByDay():
            firsts = _months(_from(start, pattern.month), 12 * pattern.every)
            return (_on(first, pattern.day) for first in firsts)
        case YearlyNth():
            firsts = _months(_from(start, pattern.month), 12 * pattern.every)
            return _each(_nth(first, pattern.days, pattern.position) for first in firsts)


def _days(first: date, step: int) -> Iterator[date]:
    while first <= _NEVER:
        yield first
        first += timedelta(days=step)


def _months(start: date, step: int) -> Iterator[date]:
    """First days of every step-th month."""
    for number in itertools.count(start.year * 12 + start.month - 1, step):
        first = date(number // 12, number % 12 + 1, 1)
        if first > _NEVER:
            return
        yield first


def _from(start: date, month: int) -> date:
    """The first such month whose days are not all before the start."""
    return date(start.year + (month < start.month), month, 1)


def _on(first: date, day: int) -> date:
    return first.replace(day=min(day, calendar.monthrange(first.year, first.month)[1]))


def _nth(first: date, days: frozenset[Weekday], position: int) -> date | None:
    """None: the month has fewer such days."""
    length = calendar.monthrange(first.year, first.month)[1]
    matching = [day for day in (first.replace(day=n) for n in range(1, length + 1)) if Weekday.of(day) in days]
    if position == LAST:
        return matching[-1] if matching else None
    return matching[position - 1] if len(matching) >= position else None


def _each(days: Iterator[date | None]) -> Iterator[date]:
    return (day for day in days if day is not None)
