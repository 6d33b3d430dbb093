"""A series as EWS shows it: its first and last occurrence, the changed and the deleted ones, each an item of its own.

Sources: MS-OXWSMTGS 2.2.4 (CalendarItemType, OccurrenceInfoType), MS-OXOCAL 2.2.1.44 (the blob), 2.2.10 (the
message of an exception). An occurrence has what the series has, then what the blob says of it, then what its message
has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.checks import CLEAN_ID, END, GLOBAL_ID, RECUR, RECURRING, START, ZONE, ZONE_RECUR
from lab.cloud.item_stream.from_item import put
from lab.cloud.item_stream.named_properties import APPOINTMENT, COMMON, Name
from lab.cloud.item_stream.occurrences import days, is_expandable
from lab.cloud.item_stream.recurrence import Change
from lab.cloud.item_stream.stored import Attachment, Key, Properties, StoredProperties
from lab.cloud.item_stream.time_zone import Rule, read_time_zone_definition, read_time_zone_struct, to_utc
from lab.exchange.ews.xml import EwsError

REPLACES = Name(APPOINTMENT, 0x8228)
OCCURRENCE_CLASS = "IPM.Appointment.Occurrence"
_BODIES: tuple[Key, ...] = (0x1000, 0x1009, 0x1013, 0x1016)
_OF_SERIES_ONLY: tuple[Key, ...] = (RECUR, Name(APPOINTMENT, 0x8235), Name(APPOINTMENT, 0x8236))
_FURTHEST = 100_000  # days of a pattern


@dataclass(frozen=True)
class Instance:
    """One occurrence; times in UTC. day: its midnight in the series' own calendar, before any change."""

    day: datetime
    original: datetime
    start: datetime
    end: datetime
    change: Change | None = None


class Series:
    """Of a message with a recurrence. ValueError: of a calendar that the lab does not expand."""

    def __init__(self, message: StoredProperties) -> None:
        self._message = message
        self.recurrence = read_appointment_recurrence(message.properties.value(RECUR))
        if not is_expandable(self.recurrence):
            raise ValueError("the lab expands Gregorian recurrences only")
        self._rule = rule_of(message.properties)
        self._changes = {change.original.replace(hour=0, minute=0): change for change in self.recurrence.changes}

    def first(self) -> Instance | None:
        shown = self._shown()
        return min(shown, key=lambda instance: instance.start) if shown else None

    def last(self) -> Instance | None:
        """None: it has no end."""
        if self.recurrence.end is None:
            return None
        shown = self._shown(_FURTHEST)
        return max(shown, key=lambda instance: instance.start) if shown else None

    def modified(self) -> list[Instance]:
        return [self.on(day) for day in sorted(self._changes)]

    def deleted(self) -> list[datetime]:
        """Starts, in UTC, of what was deleted; a changed occurrence is not."""
        offset = timedelta(minutes=self.recurrence.start_offset)
        return [self._utc(day + offset) for day in self.recurrence.deleted if day not in self._changes]

    def on(self, day: datetime) -> Instance:
        """EwsError: there is none on that day."""
        if day in self.recurrence.deleted and day not in self._changes:
            raise EwsError(
                "ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The occurrence is deleted from its series."
            )
        start, end = (timedelta(minutes=m) for m in (self.recurrence.start_offset, self.recurrence.end_offset))
        change = self._changes.get(day)
        original = self._utc(day + start)
        if change is None:
            return Instance(day, original, original, self._utc(day + end))
        return Instance(day, original, self._utc(change.start), self._utc(change.end), change)

    def number(self, index: int) -> Instance:
        """By its place in the pattern, from 1 on, deleted ones counted (OccurrenceItemId)."""
        if index < 1 or not (day := list(islice(days(self.recurrence), index - 1, index))):
            raise EwsError(
                "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "The index is out of the recurrence's range."
            )
        return self.on(day[0])

    def message(self, instance: Instance) -> StoredProperties:
        """The occurrence as an item."""
        whole = self._message
        embedded = self._embedded(instance)
        properties = Properties({key: kept for key, kept in whole.properties.items() if key not in _OF_SERIES_ONLY})
        if embedded is not None and any(key in embedded.properties for key in _BODIES):
            properties = Properties({key: kept for key, kept in properties.items() if key not in _BODIES})
        values: dict[Key, Any] = {
            START: instance.start, END: instance.end, 0x0060: instance.start, 0x0061: instance.end,
            Name(COMMON, 0x8516): instance.start, Name(COMMON, 0x8517): instance.end,
        }  # fmt: skip
        goid = whole.properties.value(CLEAN_ID) or whole.properties.value(GLOBAL_ID)
        if isinstance(goid, bytes):
            day = instance.day
            values[GLOBAL_ID] = goid[:16] + bytes([day.year >> 8, day.year & 0xFF, day.month, day.day]) + goid[20:]
        if change := instance.change:
            told: dict[Key, Any] = {
                0x0037: change.subject, Name(APPOINTMENT, 0x8208): change.location,
                Name(COMMON, 0x8501): change.reminder_minutes, Name(APPOINTMENT, 0x8205): change.busy_status,
                Name(APPOINTMENT, 0x8214): change.color, Name(COMMON, 0x8503): _flag(change.reminder_set),
                Name(APPOINTMENT, 0x8215): _flag(change.all_day),
            }  # fmt: skip
            values |= {key: value for key, value in told.items() if value is not None}
        properties.update(put(values))
        if embedded is not None:
            properties.update(embedded.properties)
        properties.update(put({0x001A: OCCURRENCE_CLASS, RECURRING: True}))
        own_files = instance.change is not None and instance.change.attachment
        files = embedded.attachments if embedded is not None and own_files else shown_attachments(whole)
        people = embedded.recipients if embedded is not None and embedded.recipients else whole.recipients
        return StoredProperties(properties, people, tuple(files))

    def _embedded(self, instance: Instance) -> StoredProperties | None:
        if instance.change is None:
            return None
        for attachment in self._message.attachments:
            inner = attachment.message
            if inner is not None and inner.properties.moment(REPLACES) == instance.original:
                return inner
        return None

    def _shown(self, most: int = 1000) -> list[Instance]:
        gone = {day for day in self.recurrence.deleted if day not in self._changes}
        return [self.on(day) for day in islice(days(self.recurrence), most) if day not in gone]

    def _utc(self, local: datetime) -> datetime:
        return (to_utc(local, self._rule) if self._rule else local).replace(tzinfo=UTC)


def _flag(number: int | None) -> bool | None:
    return None if number is None else bool(number)


def rule_of(properties: Properties) -> Rule | None:
    """The rule of the zone that a series repeats in; None: UTC."""
    if isinstance(blob := properties.value(ZONE_RECUR), bytes) and blob:
        return read_time_zone_definition(blob).effective
    if isinstance(blob := properties.value(ZONE), bytes) and blob:
        return read_time_zone_struct(blob)
    return None


def is_exception(file: Attachment) -> bool:
    """Whether an attachment is an exception of a series, which clients do not see (MS-OXOCAL 2.2.10.1)."""
    return bool(file.properties.value(0x7FFE)) and 0x7FFB in file.properties


def shown_attachments(message: StoredProperties) -> list[Attachment]:
    return [file for file in message.attachments if not is_exception(file)]


def is_series(message: StoredProperties) -> bool:
    kept = message.properties.get(RECUR)
    return kept is not None and kept.kind == t.BINARY and bool(kept.value)
