"""What else an event of the old server says, besides when it is: read from iCalendar for Graph's properties.

Sources: RFC 5545; MS-OXCICAL 2.1.3.1.1.20 (CLASS, PRIORITY, X-MICROSOFT-CDO-*, X-ALT-DESC); Graph's schema of `event`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from typing import Any

from icalendar import Alarm, Component, Event, vDDDTypes, vDuration

from mailmove.items.copy.calendar_event import BUSY, EventTime, Unmovable

_SENSITIVITY = {"PRIVATE": "private", "CONFIDENTIAL": "confidential", "X-PERSONAL": "personal"}
_IMPORTANCE = {"0": "low", "1": "normal", "2": "high"}
_AS_TEXT = {"URL": "Link", "CONTACT": "Contact", "COMMENT": "Comment", "RESOURCES": "Resources", "GEO": "Place"}
"""Property -> its word in the event's text; Graph has no property for it, or none that may be written."""
OF_EVENT = frozenset(
    {
        "SUMMARY", "DTSTART", "DTEND", "LOCATION", "CLASS", "PRIORITY", "RRULE", "EXDATE", "RECURRENCE-ID", "ORGANIZER",
        "ATTENDEE", "TRANSP", "X-ALT-DESC", "X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-ALLDAYEVENT",
        "X-MICROSOFT-CDO-IMPORTANCE",
    }
)  # fmt: skip
"""Properties that stand in the event and nowhere else; but for a few that its alarms and time zones have too."""
_OF_ALARM = frozenset({"SUMMARY", "ATTENDEE"})
_OF_ZONE = frozenset({"DTSTART", "RRULE"})
_MINUTE = timedelta(minutes=1)


def calendar_text(content: bytes) -> tuple[str, tuple[str, ...]]:
    """(iCalendar, names of what is attached beside it). content: bare, or a message in any encoding (RFC 2045).

    ValueError: bytes that are not of its charset; one of them may be of a property's name.
    """
    if content.lstrip()[:15].upper() == b"BEGIN:VCALENDAR":
        return content.decode(), ()
    calendars: list[str] = []
    attached: list[str] = []
    message = message_from_bytes(content)
    if any(name.upper() in OF_EVENT for part in message.walk() for name in part):
        raise Unmovable("its message has properties of the event among its headers")
    for part in _parts(message):
        if part.get_content_type() == "text/calendar":
            calendars.append(_decoded(part))
        elif name := part.get_filename():
            attached.append(name)
    return (calendars[0] if calendars else content.decode("utf-8", "replace")), tuple(attached)


def _parts(message: Message) -> Iterator[Message]:
    return (part for part in message.walk() if not part.is_multipart())


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8")
    except LookupError:
        return data.decode()


def misplaced(calendar: Component, event: Event) -> bool:
    """Whether properties of the event stand outside of it: what is read would lack them, and nobody would know."""
    for component in calendar.walk():
        if component is event:
            continue
        theirs = (
            _OF_ALARM if isinstance(component, Alarm) else _OF_ZONE if component.name != "VCALENDAR" else frozenset()
        )
        names = {str(name).upper() for name in component} & OF_EVENT
        if names - theirs or (names & theirs & _OF_ALARM and "SUMMARY" not in event):
            return True
    return False


def all_of(event: Component, name: str) -> list[Any]:
    """Values of a property, which icalendar gives as a list only where it stands more than once."""
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]


def text_of(event: Component, name: str) -> str:
    """The property's first value as text; "": it has none."""
    return next((str(value) for value in all_of(event, name)), "")


def whole_days(
    start: EventTime, end: EventTime | None, marked: str
) -> tuple[EventTime, EventTime | None, tuple[str, ...]]:
    """(start, end, what is lost) of an event that Exchange marks as lasting whole days; it says so by midnights.

    marked: X-MICROSOFT-CDO-ALLDAYEVENT. Between other hours it stays an event of hours: no day is made up.
    """
    if marked.upper() not in ("", "TRUE", "FALSE"):
        raise Unmovable(f"X-MICROSOFT-CDO-ALLDAYEVENT is {marked[:60]!r}")
    if marked.upper() != "TRUE" or start.whole_day:
        return start, end, ()
    times = [start, *([end] if end else [])]
    if any(isinstance(time.wall, datetime) and time.wall.time() != datetime.min.time() for time in times):
        return start, end, ("that it lasts whole days",)
    days = [EventTime(_day(time.wall), time.zone, time.rules) for time in times]
    return days[0], days[1] if end else None, ()


def _day(wall: date) -> date:
    return wall.date() if isinstance(wall, datetime) else wall


class Details:
    """Properties of one event. attached: names of what its message has beside it."""

    def __init__(self, event: Event, start: EventTime, end: EventTime | None, attached: tuple[str, ...]) -> None:
        self._event, self._start, self._end, self._attached = event, start, end, attached
        self._reminders, self._lost_reminders = self._read_reminders()

    def busy(self) -> str:
        """X-MICROSOFT-CDO-BUSYSTATUS; where there is none, what TRANSP says."""
        transparent = self._known("TRANSP", ("", "OPAQUE", "TRANSPARENT")) == "TRANSPARENT"
        return self._known("X-MICROSOFT-CDO-BUSYSTATUS", ("", *BUSY)) or ("FREE" if transparent else "")

    def _known(self, name: str, values: Collection[str]) -> str:
        """A property of few values. Unmovable: one that nobody knows; it may be a torn line, with more in it."""
        value = text_of(self._event, name).strip().upper()
        if value not in values:
            raise Unmovable(f"{name} is {value[:60]!r}")
        return value

    def html(self) -> str:
        for value in all_of(self._event, "X-ALT-DESC"):
            kind = str(getattr(value, "params", {}).get("FMTTYPE", "")).lower()
            if kind != "text/html":
                raise Unmovable(f"X-ALT-DESC is of type {kind[:60]!r}")
            return str(value)
        return ""

    def sensitivity(self) -> str:
        return _SENSITIVITY.get(self._known("CLASS", ("", "PUBLIC", *_SENSITIVITY)), "normal")

    def importance(self) -> str:
        """Exchange's own property; where there is none, PRIORITY: 1 to 4 are high, 6 to 9 low (RFC 5545 3.8.1.9)."""
        own = self._known("X-MICROSOFT-CDO-IMPORTANCE", ("", *_IMPORTANCE))
        number = int(self._known("PRIORITY", ("", *map(str, range(10)))) or 0)
        if own:
            return _IMPORTANCE[own]
        return "high" if 1 <= number <= 4 else "low" if 6 <= number <= 9 else "normal"

    def categories(self) -> tuple[str, ...]:
        names = [
            str(name).strip()
            for value in all_of(self._event, "CATEGORIES")
            for name in (value.cats if hasattr(value, "cats") else str(value).split(","))
        ]
        return tuple(dict.fromkeys(name for name in names if name))

    def reminder(self) -> int | None:
        """Minutes before the start; of several, the first to ring."""
        return max(self._reminders, default=None)

    def notes(self) -> tuple[str, ...]:
        """What text can keep: links, names, attachments that lie elsewhere."""
        kept = [
            f"{word}: {value}"
            for name, word in _AS_TEXT.items()
            for value in (_words(value) for value in all_of(self._event, name))
            if value
        ]
        return (*kept, *(f"Attachment: {link}" for link in self._links()))

    def lost(self) -> tuple[str, ...]:
        """What text cannot keep, in words."""
        names = [*self._attached, *self._inside()]
        cancelled = self._known("STATUS", ("", "TENTATIVE", "CONFIRMED", "CANCELLED")) == "CANCELLED"
        return (
            *(f"the attachment {name}" for name in dict.fromkeys(names)),
            *self._lost_reminders,
            *(["that it was cancelled"] if cancelled else []),
        )

    def _links(self) -> list[str]:
        values = [str(value) for value in all_of(self._event, "ATTACH")]
        return [value for value in values if value.lower().startswith(("http:", "https:"))]

    def _inside(self) -> list[str]:
        """Attachments that come with the event: by Content-ID, or as bytes."""
        names = []
        for value in all_of(self._event, "ATTACH"):
            text = str(value)
            if text.lower().startswith(("http:", "https:")):
                continue
            named = getattr(value, "params", {}).get("FILENAME") or getattr(value, "params", {}).get("X-FILENAME")
            names.append(str(named or (text[4:] if text.lower().startswith("cid:") else "without a name")))
        return names

    def _read_reminders(self) -> tuple[list[int], list[str]]:
        """(minutes before the start, what is lost in words), of every alarm."""
        minutes: list[int] = []
        lost: list[str] = []
        for alarm in self._event.subcomponents:
            if not isinstance(alarm, Alarm) or alarm.get("TRIGGER") is None:
                continue
            before = self._before_start(alarm)
            if before is None or before < 0 or text_of(alarm, "ACTION").upper() in ("EMAIL", "PROCEDURE"):
                lost.append("a reminder that Graph has no kind for")
            else:
                minutes.append(before)
        kept = max(minutes, default=None)
        lost += [f"the reminder {before} minutes before" for before in sorted(set(minutes)) if before != kept]
        return minutes, lost

    def _before_start(self, alarm: Alarm) -> int | None:
        trigger = next(iter(all_of(alarm, "TRIGGER")), None)
        if not isinstance(trigger, vDDDTypes | vDuration):
            return None
        moment: Any = trigger.dt if isinstance(trigger, vDDDTypes) else trigger.td
        start, end = self._start, self._end
        if isinstance(moment, timedelta):
            if str(trigger.params.get("RELATED", "START")).upper() == "END" and end is not None:
                moment += _midnight(end.wall) - _midnight(start.wall)
            return int(-(moment // _MINUTE))
        if not isinstance(moment, datetime) or moment.tzinfo is None or start.rules is None:
            return None
        return int((_midnight(start.wall).replace(tzinfo=start.rules) - moment) // _MINUTE)


def _midnight(wall: date) -> datetime:
    return wall if isinstance(wall, datetime) else datetime.combine(wall, datetime.min.time())


def _words(value: Any) -> str:
    to_ical = getattr(value, "to_ical", None)
    text = to_ical() if to_ical is not None and not isinstance(value, str) else value
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
