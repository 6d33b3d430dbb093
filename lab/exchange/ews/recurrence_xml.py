"""Recurrence of a calendar item or a task as EWS spells it (types.xsd: RecurrenceType, TaskRecurrenceType)."""

from __future__ import annotations

from calendar import month_name

from lab.cloud.item_stream import recurrence as r
from lab.cloud.item_stream.recurrence import Recurrence
from lab.cloud.item_stream.time_zone import Rule

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SETS = {0x7F: "Day", 0x3E: "Weekday", 0x41: "WeekendDay"}
_INDEX = {1: "First", 2: "Second", 3: "Third", 4: "Fourth", 5: "Last"}
_REGENERATION = {r.DAILY: "Daily", r.WEEKLY: "Weekly", r.MONTHLY: "Monthly", r.YEARLY: "Yearly"}


def recurrence_xml(recurrence: Recurrence, rule: Rule | None, *, major: int) -> str:
    """The content of t:Recurrence. ValueError: of a pattern that the schema has no element for."""
    pattern = _regeneration(recurrence) if recurrence.sliding else _pattern(recurrence, major)
    return pattern + _range(recurrence, rule)


def _regeneration(recurrence: Recurrence) -> str:
    """A task that comes again after it was done."""
    every = {r.DAILY: 1440, r.YEARLY: 12}.get(recurrence.frequency, 1)
    return _element(f"{_REGENERATION[recurrence.frequency]}Regeneration", Interval=recurrence.period // every)


def _pattern(recurrence: Recurrence, major: int) -> str:
    if recurrence.pattern == r.DAY:
        return _element("DailyRecurrence", Interval=recurrence.period // 1440)
    if recurrence.pattern == r.WEEK:
        days = " ".join(name for number, name in enumerate(_DAYS) if recurrence.days >> number & 1)
        first = {"FirstDayOfWeek": _DAYS[recurrence.first_day_of_week]} if major >= 14 else {}
        return _element("WeeklyRecurrence", Interval=recurrence.period, DaysOfWeek=days, **first)
    month = month_name[recurrence.start.month]
    yearly = recurrence.frequency == r.YEARLY and recurrence.period == 12
    if recurrence.pattern in (r.MONTH, r.MONTH_END):
        if yearly:
            return _element("AbsoluteYearlyRecurrence", DayOfMonth=recurrence.day, Month=month)
        return _element("AbsoluteMonthlyRecurrence", Interval=recurrence.period, DayOfMonth=recurrence.day)
    if recurrence.pattern != r.MONTH_NTH:
        raise ValueError("a recurrence of another calendar")
    which = {"DaysOfWeek": _day(recurrence.days), "DayOfWeekIndex": _INDEX[recurrence.nth]}
    if yearly:
        return _element("RelativeYearlyRecurrence", **which, Month=month)
    return _element("RelativeMonthlyRecurrence", Interval=recurrence.period, **which)


def _day(days: int) -> str:
    """The one day, or one of the three sets, that the schema knows here."""
    if days in _SETS:
        return _SETS[days]
    if days & (days - 1):
        raise ValueError(f"several days of the week in a month: 0x{days:X}")
    return _DAYS[days.bit_length() - 1]


def _range(recurrence: Recurrence, rule: Rule | None) -> str:
    start = f"{recurrence.start:%Y-%m-%d}{_offset(rule)}"
    if recurrence.end is None:
        return _element("NoEndRecurrence", StartDate=start)
    if recurrence.end_kind == r.COUNT:
        return _element("NumberedRecurrence", StartDate=start, NumberOfOccurrences=recurrence.count)
    return _element("EndDateRecurrence", StartDate=start, EndDate=f"{recurrence.end:%Y-%m-%d}{_offset(rule)}")


def _offset(rule: Rule | None) -> str:
    if rule is None or not rule.bias:
        return "Z"
    hours, minutes = divmod(abs(rule.bias), 60)
    return f"{'-' if rule.bias > 0 else '+'}{hours:02}:{minutes:02}"


def _element(name: str, **fields: object) -> str:
    inner = "".join(f"<t:{field}>{value}</t:{field}>" for field, value in fields.items())
    return f"<t:{name}>{inner}</t:{name}>"
