"""Read one event of the old server from iCalendar (RFC 5545) into typed values, with the package icalendar.

That package takes long to import, so this module is imported with the first event.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from icalendar import Calendar, Event, vDDDTypes, vRecur
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from mailmove.items.copy.calendar_details import (
    OF_EVENT,
    Details,
    all_of,
    calendar_text,
    misplaced,
    text_of,
    whole_days,
)
from mailmove.items.copy.calendar_event import CalendarEvent, EventTime, Unmovable
from mailmove.time_zones import known_time_zones

_CALENDAR = re.compile(r"^BEGIN:VCALENDAR[ \t]*\r?$.*?^END:VCALENDAR", re.MULTILINE | re.DOTALL)
_OF_EVENT = re.compile(rf"^(?:{'|'.join(sorted(OF_EVENT))})[;:]", re.MULTILINE | re.IGNORECASE)
_WINDOWS_ZONE = re.compile(r"UTC|[\w. ]+ Standard Time")


def read_event(content: bytes) -> CalendarEvent:
    """The event in iCalendar, alone or in a message. Unmovable: it has none, several, or what Graph cannot hold."""
    try:
        return _event_of(content)
    except Unmovable:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise Unmovable(f"its iCalendar cannot be read: {error}") from None


def _event_of(content: bytes) -> CalendarEvent:
    text, attached = calendar_text(content)
    event = _only_event(text)
    for name in ("EXDATE", "RDATE", "EXRULE"):
        if name in event:
            raise Unmovable("a series with occurrences left out or added")
    start = _time(event, "DTSTART")
    if start is None:
        raise Unmovable("no DTSTART")
    end = _time(event, "DTEND")
    if end is None and "DURATION" in event:
        raise Unmovable("a duration in place of an end")
    start, end, whole = whole_days(start, end, text_of(event, "X-MICROSOFT-CDO-ALLDAYEVENT"))
    details = Details(event, start, end, attached)
    return CalendarEvent(
        uid=text_of(event, "UID"),
        subject=text_of(event, "SUMMARY"),
        description=text_of(event, "DESCRIPTION"),
        location=text_of(event, "LOCATION"),
        busy=details.busy(),
        start=start,
        end=end,
        rule=_rule(event),
        people=tuple(_person(address) for name in ("ORGANIZER", "ATTENDEE") for address in all_of(event, name)),
        html=details.html(),
        sensitivity=details.sensitivity(),
        importance=details.importance(),
        categories=details.categories(),
        reminder=details.reminder(),
        notes=details.notes(),
        lost=(*whole, *details.lost()),
    )


def _only_event(text: str) -> Event:
    match = _CALENDAR.search(text)
    if match is None:
        raise Unmovable("no event in its iCalendar")
    calendar = Calendar.from_ical(match[0])
    events = [component for component in calendar.subcomponents if isinstance(component, Event)]
    if len(events) != 1:
        raise Unmovable("a series with changed occurrences" if events else "no event in its iCalendar")
    outside = f"{text[: match.start()]}\n{text[match.end() :]}"
    if _OF_EVENT.search(outside) or misplaced(calendar, events[0]):
        raise Unmovable("its iCalendar has properties of the event outside of it")
    if any(name is None for name, _ in events[0].errors):
        # icalendar steps over such a line; it may be what is left of a rule or a text.
        raise Unmovable("its iCalendar has a line that is no property")
    return events[0]


def _time(event: Event, name: str) -> EventTime | None:
    value = next(iter(all_of(event, name)), None)
    if value is None:
        return None
    moment = value.dt if isinstance(value, vDDDTypes) else None
    if not isinstance(moment, date):
        raise Unmovable(f"{name} is {str(value)!r}")
    if not isinstance(moment, datetime):
        return EventTime(moment)
    zone = str(value.params.get("TZID") or ("UTC" if moment.tzinfo else ""))
    if zone not in known_time_zones() and zone not in WINDOWS_TO_OLSON and not _WINDOWS_ZONE.fullmatch(zone):
        raise Unmovable(f"the time zone {zone!r} has no name that Microsoft knows")
    return EventTime(moment.replace(tzinfo=None), zone, moment.tzinfo)


def _rule(event: Event) -> vRecur | None:
    rules = all_of(event, "RRULE")
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
