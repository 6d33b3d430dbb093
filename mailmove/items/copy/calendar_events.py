"""Convert an event of the old server, which comes as iCalendar, to Microsoft Graph's `event`.

Nobody is invited: Graph sends mail to the attendees of a new event, so they go into its text, and so does what Graph
has no property for. What text cannot keep is named (`parts_lost`). Source: Graph's schema of `event`.
"""

from __future__ import annotations

import base64
import html
import re
from datetime import timedelta
from typing import Any

from mailmove.items.copy.calendar_event import BUSY, CalendarEvent, EventTime, Unmovable
from mailmove.items.copy.graph_recurrence import recurrence_of

__all__ = ["Unmovable", "event_fields", "event_uid", "global_object_id", "parts_lost"]

_HEX_ID = re.compile(r"^040000008200E00074C5B7101A82E008[0-9A-F]+$", re.IGNORECASE)


def event_fields(content: bytes) -> dict[str, Any]:
    """Properties for `POST .../events`, without extended ones. content: iCalendar, alone or in a message. Unmovable."""
    event = _read(content)
    fields: dict[str, Any] = {
        "subject": event.subject,
        "body": _body(event),
        "start": _graph_time(event.start),
        "end": _graph_time(_end(event)),
        "isAllDay": event.start.whole_day,
        "showAs": BUSY.get(event.busy, "busy"),
        "sensitivity": event.sensitivity,
        "importance": event.importance,
        "isReminderOn": event.reminder is not None,
    }
    if event.reminder is not None:
        fields["reminderMinutesBeforeStart"] = event.reminder
    if event.categories:
        fields["categories"] = list(event.categories)
    if event.location:
        fields["location"] = {"displayName": event.location}
    if event.rule is not None:
        fields["recurrence"] = recurrence_of(event.rule, event.start)
    return fields


def event_uid(content: bytes) -> str:
    """UID of the event; empty: it has none. Errors as `event_fields`."""
    return _read(content).uid


def parts_lost(content: bytes) -> tuple[str, ...]:
    """What of the event Graph's properties and its text cannot keep, in words. Errors as `event_fields`."""
    return _read(content).lost


def global_object_id(uid: str) -> str:
    """The MAPI property that makes the copy the same meeting as the original, in base64 (MS-OXOCAL 2.2.1.27)."""
    if _HEX_ID.match(uid) and len(uid) % 2 == 0:
        return base64.b64encode(bytes.fromhex(uid)).decode()
    data = b"vCal-Uid\x01\x00\x00\x00" + uid.encode() + b"\x00"
    head = bytes.fromhex("040000008200E00074C5B7101A82E008") + bytes(20)
    return base64.b64encode(head + len(data).to_bytes(4, "little") + data).decode()


def _read(content: bytes) -> CalendarEvent:
    from mailmove.items.copy.icalendar_reader import read_event

    return read_event(content)


def _graph_time(time: EventTime) -> dict[str, str]:
    """Graph's dateTimeTimeZone; a whole day is midnight."""
    day = time.wall.isoformat()
    return {"dateTime": f"{day}T00:00:00" if time.whole_day else day, "timeZone": time.zone}


def _end(event: CalendarEvent) -> EventTime:
    """The end; of an event that names none, the next day or the start itself (RFC 5545 section 3.6.1).

    A whole day is one at least.
    """
    start, end = event.start, event.end
    if not start.whole_day:
        return end or start
    if end is None or end.wall <= start.wall:
        return EventTime(start.wall + timedelta(days=1), start.zone, start.rules)
    return end


def _body(event: CalendarEvent) -> dict[str, str]:
    """Graph's itemBody: HTML where the event has it. What has no property of its own follows the description."""
    people = "; ".join(f"{name} <{address}>".strip() for name, address in event.people)
    notes = [*([f"People: {people}"] if people else []), *event.notes]
    if event.html:
        return {"contentType": "html", "content": event.html + "".join(f"<p>{html.escape(note)}</p>" for note in notes)}
    return {"contentType": "text", "content": "\n\n".join([event.description, *notes])}
