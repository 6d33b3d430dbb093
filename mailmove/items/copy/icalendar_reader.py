"""Read one event of the old server from iCalendar (RFC 5545) into typed values, with the package icalendar.

That package takes long to import, so this module is imported with the first event.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

from icalendar import Calendar, Event, vDDDTypes, vRecur
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from mailmove.items.copy.calendar_event import CalendarEvent, EventTime, Unmovable

_CALENDAR = re.compile(r"^BEGIN:VCALENDAR[ \t]*\r?$.*?^END:VCALENDAR", re.MULTILINE | re.DOTALL)
_WINDOWS_ZONE = re.compile(r"UTC|[\w. ]+ Standard Time")


def read_event(content: bytes) -> CalendarEvent:
    """The event in iCalendar, alone or in a message. Unmovable: it has none, several, or what Graph cannot hold."""
    event = _only_event(content)
    for name in ("EXDATE", "RDATE", "EXRULE"):
        if name in event:
            raise Unmovable("a series with occurrences left out or added")
    start = _time(event, "DTSTART")
    if start is None:
        raise Unmovable("no DTSTART")
    end = _time(event, "DTEND")
    if end is None and "DURATION" in event:
        raise Unmovable("a duration in place of an end")
    return CalendarEvent(
        uid=_text(event, "UID"),
        subject=_text(event, "SUMMARY"),
        description=_text(event, "DESCRIPTION"),
        location=_text(event, "LOCATION"),
        busy=_text(event, "X-MICROSOFT-CDO-BUSYSTATUS").upper(),
        start=start,
        end=end,
        rule=_rule(event),
        people=tuple(_person(address) for name in ("ORGANIZER", "ATTENDEE") for address in _all(event, name)),
    )


def _only_event(content: bytes) -> Event:
    match = _CALENDAR.search(content.decode("utf-8", "replace"))
    if match is None:
        raise Unmovable("no event in its iCalendar")
    try:
        calendar = Calendar.from_ical(match[0])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:  # of a broken line or time zone
        raise Unmovable(f"its iCalendar cannot be read: {error}") from None
    events = [component for component in calendar.subcomponents if isinstance(component, Event)]
    if len(events) != 1:
        raise Unmovable("a series with changed occurrences" if events else "no event in its iCalendar")
    return events[0]


def _all(event: Event, name: str) -> list[Any]:
    """Values of a property, which icalendar gives as a list only where it stands more than once."""
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]


def _text(event: Event, name: str) -> str:
    return next((str(value) for value in _all(event, name)), "")


def _time(event: Event, name: str) -> EventTime | None:
    value = next(iter(_all(event, name)), None)
    if value is None:
        return None
    moment = value.dt if isinstance(value, vDDDTypes) else None
    if not isinstance(moment, date):
        raise Unmovable(f"{name} is {str(value)!r}")
    if not isinstance(moment, datetime):
        return EventTime(moment)
    zone = str(value.params.get("TZID") or ("UTC" if moment.tzinfo else ""))
    if zone not in available_timezones() and zone not in WINDOWS_TO_OLSON and not _WINDOWS_ZONE.fullmatch(zone):
        raise Unmovable(f"the time zone {zone!r} has no name that Microsoft knows")
    return EventTime(moment.replace(tzinfo=None), zone, moment.tzinfo)


def _rule(event: Event) -> vRecur | None:
    rules = _all(event, "RRULE")
    if not rules:
        return None
    if len(rules) > 1:
        raise Unmovable("a series with several rules")
    if not isinstance(rules[0], vRecur):
        raise Unmovable(f"RRULE is {str(rules[0])!r}")
    return rules[0]


def _person(address: Any) -> tuple[str, str]:
    name = address.params.get("CN", "")
    return name if isinstance(name, str) else ", ".join(name), re.sub("^mailto:", "", str(address), flags=re.IGNORECASE)
