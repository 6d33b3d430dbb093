"""An event of the old server's calendar as typed values.

What cannot be copied without loss is refused: `Unmovable` names the reason, and the event is listed for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every flow imports this file, and few runs copy an event
    from icalendar import vRecur


BUSY = {
    "FREE": "free",
    "TENTATIVE": "tentative",
    "BUSY": "busy",
    "OOF": "oof",
    "WORKINGELSEWHERE": "workingElsewhere",
}
"""X-MICROSOFT-CDO-BUSYSTATUS (MS-OXCICAL) -> Graph's `showAs`."""


class Unmovable(ValueError):
    """This event cannot be written as an event of Microsoft Graph; the message says why."""


@dataclass(frozen=True)
class EventTime:
    """A start or an end.

    wall: local date and time, without zone; a date alone for a whole day. zone: IANA or Windows name, or UTC.
    rules: the zone's offsets; None: this machine does not know the zone.
    """

    wall: date
    zone: str = "UTC"
    rules: tzinfo | None = None

    @property
    def whole_day(self) -> bool:
        return not isinstance(self.wall, datetime)


@dataclass(frozen=True)
class CalendarEvent:
    """An event, or a series without exceptions.

    people: (name, address), the organizer first. html: the description as HTML; "": there is none. sensitivity,
    importance: Graph's words. reminder: minutes before the start; None: there is none. notes: what Graph has no
    property for, and text can say. lost: what even text cannot keep, in words.
    """

    uid: str
    subject: str
    description: str
    location: str
    busy: str
    start: EventTime
    end: EventTime | None
    rule: vRecur | None
    people: tuple[tuple[str, str], ...]
    html: str = ""
    sensitivity: str = "normal"
    importance: str = "normal"
    categories: tuple[str, ...] = ()
    reminder: int | None = None
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
