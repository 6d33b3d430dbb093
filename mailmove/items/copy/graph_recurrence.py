"""Convert a recurrence rule of iCalendar (RFC 5545 section 3.3.10) to Microsoft Graph's `patternedRecurrence`.

Graph knows fewer rules. Unmovable names what it cannot hold; no part of a rule is dropped.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mailmove.items.copy.calendar_event import EventTime, Unmovable

if TYPE_CHECKING:
    from icalendar import vRecur

_DAYS = {"MO": "monday", "TU": "tuesday", "WE": "wednesday", "TH": "thursday", "FR": "friday", "SA": "saturday",
         "SU": "sunday"}  # fmt: skip
_INDEX = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
_BY = {"BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS"}
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"} | _BY
_SEVERAL_DAYS = "a recurrence on several days of a month"


def recurrence_of(rule: vRecur, start: EventTime) -> dict[str, Any]:
    """`pattern` and `range` of a series that begins at `start`. Unmovable: Graph has no such rule."""
    if unknown := set(rule) - _KNOWN:
        raise Unmovable(f"a recurrence with {', '.join(sorted(unknown))}")
    begins = start.wall.date() if isinstance(start.wall, datetime) else start.wall
    scope: dict[str, Any] = {"startDate": begins.isoformat(), "recurrenceTimeZone": start.zone}
    if "COUNT" in rule:
        scope |= {"type": "numbered", "numberOfOccurrences": int(rule["COUNT"][0])}
    elif "UNTIL" in rule:
        scope |= {"type": "endDate", "endDate": _last_day(rule["UNTIL"][0], start).isoformat()}
    else:
        scope |= {"type": "noEnd"}
    return {"pattern": _pattern(rule, begins), "range": scope}


def _last_day(until: date, start: EventTime) -> date:
    """Local date of the last occurrence at or before UNTIL, which is in UTC where the start has a time zone."""
    if not isinstance(until, datetime):
        return until
    if until.tzinfo is not None and start.rules is None:
        return until.date()
    if not isinstance(start.wall, datetime):
        return (until.astimezone(start.rules) if until.tzinfo is not None else until).date()
    local = until.astimezone(start.rules) if until.tzinfo is not None else until
    return local.date() - timedelta(days=int(local.time() < start.wall.time()))


def _pattern(rule: vRecur, begins: date) -> dict[str, Any]:
    frequency, parts = str(rule.get("FREQ", ["nothing"])[0]), _BY & set(rule)
    interval = int(rule.get("INTERVAL", [1])[0])
    if frequency == "DAILY" and not parts:
        return {"interval": interval, "type": "daily"}
    # Every working day is written as a daily rule too.
    if (frequency == "WEEKLY" or (frequency == "DAILY" and interval == 1)) and parts <= {"BYDAY"}:
        return {"interval": interval, **_weekly(rule, begins)}
    if frequency == "MONTHLY":
        return {"interval": interval, **_in_month(rule, begins, parts, "Monthly")}
    if frequency == "YEARLY" and ("BYMONTH" in parts or not parts):
        months = [int(month) for month in rule.get("BYMONTH", [begins.month])]
        if len(months) != 1:
            raise Unmovable("a recurrence in several months")
        return {"interval": interval, "month": months[0], **_in_month(rule, begins, parts - {"BYMONTH"}, "Yearly")}
    raise Unmovable(f"a recurrence by {' and '.join([frequency, *sorted(parts)])}")


def _weekly(rule: vRecur, begins: date) -> dict[str, Any]:
    days = rule.get("BYDAY", [])
    if any(day.relative is not None for day in days):
        raise Unmovable("a recurrence on numbered days of a week")
    names = [_DAYS[day.weekday] for day in days] or [list(_DAYS.values())[begins.weekday()]]
    first = str(rule.get("WKST", ["MO"])[0])
    return {"type": "weekly", "daysOfWeek": names, "firstDayOfWeek": _DAYS[first]}


def _in_month(rule: vRecur, begins: date, parts: set[str], kind: str) -> dict[str, Any]:
    """The day of the month, by its date or by its weekday. kind: Monthly or Yearly."""
    if parts <= {"BYMONTHDAY"}:
        dates = [int(number) for number in rule.get("BYMONTHDAY", [begins.day])]
        if len(dates) != 1 or dates[0] < 1:
            raise Unmovable(_SEVERAL_DAYS if len(dates) != 1 else "a recurrence counted from the end of a month")
        return {"type": f"absolute{kind}", "dayOfMonth": dates[0]}
    if not parts <= {"BYDAY", "BYSETPOS"} or "BYDAY" not in parts:
        raise Unmovable(f"a recurrence by {' and '.join(sorted(parts))}")
    days, positions = rule["BYDAY"], [int(number) for number in rule.get("BYSETPOS", [])]
    numbers = [day.relative for day in days if day.relative is not None]
    # `1MO,1TU` are two days of each month; `MO,TU` with BYSETPOS=1 is the first that is one of both, as in Graph.
    index = numbers if len(days) == 1 and not positions else positions if not numbers else []
    if len(index) != 1 or index[0] not in _INDEX:
        raise Unmovable(_SEVERAL_DAYS)
    return {"type": f"relative{kind}", "daysOfWeek": [_DAYS[day.weekday] for day in days], "index": _INDEX[index[0]]}
