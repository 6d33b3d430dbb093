"""AppointmentRecurrencePattern: the recurrence blob of a calendar item with its exceptions (MS-OXOCAL 2.2.1.44.5)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

from lab.cloud.item_stream.cursor import Cursor, text_of
from lab.cloud.item_stream.occurrences import days, is_expandable
from lab.cloud.item_stream.recurrence import COUNT, Change, Recurrence, moment, read_pattern
from lab.cloud.item_stream.refusal import Fault

SUBJECT, MEETING_TYPE, REMINDER_DELTA, REMINDER, LOCATION = 0x01, 0x02, 0x04, 0x08, 0x10
BUSY_STATUS, ATTACHMENT, SUB_TYPE, COLOR, BODY = 0x20, 0x40, 0x80, 0x100, 0x200
_ALL = 0x3FF
_FAR = 20_000  # days of a pattern that are compared
_LONGEST = 100 * 366 * 24 * 60  # minutes: of one occurrence


def read_appointment_recurrence(blob: bytes) -> Recurrence:
    """PidLidAppointmentRecur. StreamRefused, its offset within the blob."""
    cursor = Cursor(blob)
    pattern = read_pattern(cursor)
    at, reader = cursor.at, cursor.u32("ReaderVersion2")
    if reader != 0x3006:
        cursor.refuse(Fault.BAD_VALUE, "ReaderVersion2 0x3006", f"0x{reader:X}", at)
    at, writer = cursor.at, cursor.u32("WriterVersion2")
    if writer not in (0x3008, 0x3009):
        cursor.refuse(Fault.BAD_VALUE, "WriterVersion2 0x3008 or 0x3009", f"0x{writer:X}", at)
    at, start = cursor.at, cursor.u32("StartTimeOffset")
    if start >= 24 * 60:
        cursor.refuse(Fault.BAD_VALUE, "StartTimeOffset within the day", str(start), at)
    at, end = cursor.at, cursor.u32("EndTimeOffset")
    if not start <= end <= start + _LONGEST:
        cursor.refuse(Fault.BAD_VALUE, f"EndTimeOffset from {start} on", str(end), at)
    at, count = cursor.at, cursor.u16("ExceptionCount")
    if count != len(pattern.modified):
        cursor.refuse(Fault.BAD_VALUE, f"ExceptionCount {len(pattern.modified)}: ModifiedInstanceCount", str(count), at)
    at, changes = cursor.at, [_change(cursor) for _ in range(count)]
    _block(cursor, "ReservedBlock1")
    changes = [_extended(cursor, change, writer) for change in changes]
    _block(cursor, "ReservedBlock2")
    cursor.end("the AppointmentRecurrencePattern")
    _agree(cursor, pattern, changes, at)
    return replace(pattern, start_offset=start, end_offset=end, changes=tuple(changes))


def _block(cursor: Cursor, name: str) -> None:
    """Reserved blocks have no bytes (MUST be zero long, 2.2.1.44.3 to 5)."""
    at, size = cursor.at, cursor.u32(f"{name}Size")
    if size:
        cursor.refuse(Fault.BAD_LENGTH, f"{name}Size 0", str(size), at)


def _times(cursor: Cursor, name: str) -> tuple[Any, Any, Any]:
    """Start, end, and the start that the pattern gave."""
    at = cursor.at
    start, end = cursor.u32(f"StartDateTime of {name}"), cursor.u32(f"EndDateTime of {name}")
    original = cursor.u32(f"OriginalStartDate of {name}")
    if end < start:
        cursor.refuse(Fault.BAD_VALUE, f"an end of {name} after its start", f"{moment(start)} to {moment(end)}", at)
    return moment(start), moment(end), moment(original)


def _change(cursor: Cursor) -> Change:
    """An ExceptionInfo (2.2.1.44.2)."""
    start, end, original = _times(cursor, "an ExceptionInfo")
    at, flags = cursor.at, cursor.u16("OverrideFlags")
    if flags & ~_ALL:
        cursor.refuse(Fault.BAD_VALUE, f"OverrideFlags within 0x{_ALL:X}", f"0x{flags:X}", at)
    fields: dict[str, Any] = {}
    if flags & SUBJECT:
        fields["subject"] = _short(cursor, "Subject")
    for flag, field in (
        (MEETING_TYPE, "meeting_type"),
        (REMINDER_DELTA, "reminder_minutes"),
        (REMINDER, "reminder_set"),
    ):
        if flags & flag:
            fields[field] = cursor.u32(field)
    if flags & LOCATION:
        fields["location"] = _short(cursor, "Location")
    for flag, field in (
        (BUSY_STATUS, "busy_status"),
        (ATTACHMENT, "attachment"),
        (SUB_TYPE, "all_day"),
        (COLOR, "color"),
    ):
        if flags & flag:
            fields[field] = cursor.u32(field)
    for field, values in (
        ("reminder_set", (0, 1)),
        ("attachment", (0, 1)),
        ("all_day", (0, 1)),
        ("busy_status", range(5)),
    ):
        if fields.get(field, 0) not in values:
            cursor.refuse(Fault.BAD_VALUE, f"{field} of an ExceptionInfo: {[*values]}", str(fields[field]))
    return Change(original, start, end, flags, **fields)


def _short(cursor: Cursor, name: str) -> str:
    """Two lengths, the first one more than the second, and letters without null in the code page of the writer."""
    at, longer, length = cursor.at, cursor.u16(f"{name}Length"), cursor.u16(f"{name}Length2")
    if longer != length + 1:
        cursor.refuse(Fault.BAD_LENGTH, f"{name}Length {length + 1}: one more than {name}Length2", str(longer), at)
    at, raw = cursor.at, cursor.take(length, name)
    return text_of(raw, "latin-1", name, cursor, at)


def _extended(cursor: Cursor, change: Change, writer: int) -> Change:
    """An ExtendedException (2.2.1.44.4): the texts once more, in UTF-16."""
    if writer >= 0x3009:
        at, size = cursor.at, cursor.u32("ChangeHighlightSize")
        if size and size < 4:
            cursor.refuse(Fault.BAD_LENGTH, "ChangeHighlightSize 0, or 4 and more", str(size), at)
        cursor.take(size, "ChangeHighlight")
    _block(cursor, "ReservedBlockEE1")
    if not change.flags & (SUBJECT | LOCATION):
        return change
    at, times = cursor.at, _times(cursor, "an ExtendedException")
    if times != (change.start, change.end, change.original):
        cursor.refuse(Fault.BAD_VALUE, "the times of its ExceptionInfo", " ".join(map(str, times)), at)
    for flag, field in ((SUBJECT, "subject"), (LOCATION, "location")):
        if change.flags & flag:
            length = cursor.u16(f"WideChar{field.title()}Length")
            at, text = cursor.at, cursor.utf16(length * 2, f"WideChar{field.title()}")
            _alike(cursor, getattr(change, field), text, field, at)
            change = replace(change, **{field: text})  # type: ignore[arg-type]
    _block(cursor, "ReservedBlockEE2")
    return change


def _alike(cursor: Cursor, short: str, wide: str, name: str, at: int) -> None:
    """What both spellings can say, they say alike: a code page of its writer has ASCII, at least."""
    if short.isascii() and "?" not in short and wide.isascii() and short != wide:
        cursor.refuse(Fault.BAD_VALUE, f"the {name} of its ExceptionInfo: {short!r}", repr(wide), at)


def _agree(cursor: Cursor, pattern: Recurrence, changes: list[Change], at: int) -> None:
    """Each change is of a day that the pattern gave up, and lies on a modified day (2.2.1.44.1: the arrays); what is
    given up is of the pattern; and the last day of so many occurrences is EndDate."""
    for change in changes:
        day = change.original.replace(hour=0, minute=0)
        if day not in pattern.deleted:
            wanted = "OriginalStartDate on a day of DeletedInstanceDates"
            cursor.refuse(Fault.BAD_VALUE, wanted, str(change.original), at)
    modified = sorted(change.start.replace(hour=0, minute=0) for change in changes)
    if modified != list(pattern.modified):
        cursor.refuse(Fault.BAD_VALUE, "the days of the exceptions: ModifiedInstanceDates", str(modified[:3]), at)
    if not is_expandable(pattern):
        return
    given_up, last, most = list(reversed(pattern.deleted)), None, pattern.count if pattern.end_kind == COUNT else _FAR
    for day in islice(days(pattern), min(most, _FAR)):
        last = day
        if given_up and given_up[-1] == day:
            given_up.pop()
        elif given_up and given_up[-1] < day:
            break
        if not given_up and pattern.end_kind != COUNT:
            return
    if given_up:
        cursor.refuse(Fault.BAD_VALUE, "DeletedInstanceDates that the pattern gives", str(given_up[-1]))
    if pattern.end_kind == COUNT and pattern.count <= _FAR and last != pattern.end:
        cursor.refuse(Fault.BAD_VALUE, f"EndDate {last}: day {pattern.count} of the pattern", str(pattern.end))
