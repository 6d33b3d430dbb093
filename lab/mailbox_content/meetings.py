"""Appointments, meetings, series with changed and deleted occurrences, and the messages about them (MS-OXOCAL)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lab.cloud.item_stream.from_item import put
from lab.cloud.item_stream.global_object_id import GLOBAL_OBJECT_ID, VCAL
from lab.cloud.item_stream.named_properties import APPOINTMENT, COMMON, MEETING, Name
from lab.cloud.item_stream.property_types import ticks_of
from lab.cloud.item_stream.stored import Attachment, StoredProperties
from lab.cloud.item_stream.time_zone import read_time_zone_struct, to_utc
from lab.mailbox_content.draft import Draft, Values, embedded, recipient, renumbered
from lab.mailbox_content.recurrences import KINDS, Changed, Kind, days_of, series_blob
from lab.mailbox_content.zones import ZONES, Zone

_EXCEPTION_CLASS = "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}"
_PLACES = ("Room 1", "Besprechungsraum Süd", "会議室", "https://meet.contoso.example/7", "")
_RECURRENCE_TYPES = {0x200A: 1, 0x200B: 2, 0x200C: 3, 0x200D: 4}


def global_object_id(draft: Draft, day: datetime | None = None) -> bytes:
    """Of Exchange's own making, or of a foreign calendar's uid; day: of an exception."""
    date = bytes([day.year >> 8, day.year & 0xFF, day.month, day.day]) if day else bytes(4)
    if draft.number % 5 == 0:
        data = VCAL + f"{draft.number}.{draft.seed}@calendar.example".encode() + b"\0"
        stamp = bytes(8)
    else:
        data = (draft.seed * 100_000 + draft.number).to_bytes(16, "big")
        stamp = ticks_of(datetime(2008, 1, 1, tzinfo=UTC)).to_bytes(8, "little")
    return GLOBAL_OBJECT_ID + date + stamp + bytes(8) + len(data).to_bytes(4, "little") + data


def _utc(zone: Zone, local: datetime) -> datetime:
    return to_utc(local, read_time_zone_struct(zone.struct)).replace(tzinfo=UTC)


def _event(draft: Draft, item_class: str, zone: Zone, local: datetime, length: timedelta, all_day: bool) -> Values:
    """What single events and series have in common; local: without a time zone."""
    dice, start, end = draft.dice, _utc(zone, local), _utc(zone, local + length)
    values = draft.common(item_class) | draft.body()
    values |= draft.reminder(start) | {
        0x0060: start, 0x0061: end, Name(APPOINTMENT, 0x820D): start, Name(APPOINTMENT, 0x820E): end,
        Name(COMMON, 0x8516): start, Name(COMMON, 0x8517): end, Name(APPOINTMENT, 0x8223): False,
        Name(APPOINTMENT, 0x8213): int((end - start).total_seconds() // 60), Name(APPOINTMENT, 0x8215): all_day,
        Name(APPOINTMENT, 0x8205): dice.randrange(4), Name(APPOINTMENT, 0x8214): dice.randrange(11),
        Name(APPOINTMENT, 0x8208): dice.choice(_PLACES), Name(APPOINTMENT, 0x825E): zone.definition(2),
        Name(APPOINTMENT, 0x825F): zone.definition(2), Name(MEETING, 0x3): global_object_id(draft),
        Name(MEETING, 0x23): global_object_id(draft), 0x1080: 1024, Name(APPOINTMENT, 0x8201): dice.randrange(3),
        Name(APPOINTMENT, 0x8217): 0, Name(APPOINTMENT, 0x8218): 0, Name(APPOINTMENT, 0x8240): False,
        Name(APPOINTMENT, 0x825A): dice.random() < 0.2,
    }  # fmt: skip
    return values


def _people(draft: Draft) -> tuple[Values, list[Any]]:
    """Of a meeting: its organizer, who may be somebody else, and the invited with their answers."""
    own = draft.dice.random() < 0.5
    organizer = draft.owner if own else draft.person()
    rows = [recipient(0, 1, organizer, x5FFD=3)]
    for row in range(1, draft.dice.randrange(2, 6)):
        answer = draft.dice.choice((0, 2, 3, 4, 5))
        more: dict[str, Any] = {"x5FFF": answer} | ({"x5FFB": draft.moment()} if answer in (2, 3, 4) else {})
        rows.append(recipient(row, draft.dice.choice((1, 1, 2, 3)), draft.person(), **more))
    values = draft.sender(organizer) | {
        Name(APPOINTMENT, 0x8217): 1 if own else 3, Name(APPOINTMENT, 0x8218): 1 if own else 3,
        Name(APPOINTMENT, 0x8229): own, 0x0063: True,
    }  # fmt: skip
    return values, rows


def _day(draft: Draft) -> datetime:
    return draft.moment().replace(tzinfo=None, hour=0, minute=0, second=0)


def appointment(draft: Draft) -> StoredProperties:
    dice = draft.dice
    zone = dice.choice(ZONES)
    all_day = dice.random() < 0.25
    local = _day(draft) if all_day else _day(draft) + timedelta(minutes=dice.randrange(0, 1410, 15))
    length = timedelta(days=dice.randrange(1, 4)) if all_day else timedelta(minutes=dice.choice((0, 30, 45, 90, 1500)))
    values = _event(draft, "IPM.Appointment", zone, local, length, all_day)
    if all_day and dice.random() < 0.3:  # the other spelling: midnight to midnight, and no word that it is a day
        values[Name(APPOINTMENT, 0x8215)] = False
    rows: list[Any] = []
    if dice.random() < 0.4:
        more, rows = _people(draft)
        values |= more
    return StoredProperties(put(values), tuple(rows), renumbered(draft.files(2)))


def series(draft: Draft, kind: Kind | None = None) -> StoredProperties:
    """A series: of every kind, with or without end, most with deleted and changed occurrences."""
    dice = draft.dice
    kind = kind or dice.choice(KINDS)
    zone, all_day, first_day = dice.choice(ZONES), dice.random() < 0.2, dice.choice((0, 1))
    begin = 0 if all_day else dice.randrange(0, 1380, 15)
    length = 1440 if all_day else dice.choice((15, 60, 90))
    shown = days_of(kind, _day(draft), dice.randrange(8, 20), first_day)
    ends = dice.choice(("count", "until", "never"))
    picked = dice.sample(range(len(shown)), dice.randrange(0, 5))
    gone = [shown[number] for number in picked[::2]]
    changed = [_changed(draft, shown[number], begin, length) for number in picked[1::2]]
    local = shown[0] + timedelta(minutes=begin)
    values = _event(draft, "IPM.Appointment", zone, local, timedelta(minutes=length), all_day)
    values |= {
        Name(APPOINTMENT, 0x8223): True, Name(APPOINTMENT, 0x8231): _RECURRENCE_TYPES[kind.frequency],
        Name(APPOINTMENT, 0x8216): series_blob(
            kind, shown, start=begin, length=length, ends=ends, first_day=first_day, gone=gone, changed=changed
        ),
        Name(APPOINTMENT, 0x8232): f"occurs {kind.name}", Name(APPOINTMENT, 0x8233): zone.struct,
        Name(APPOINTMENT, 0x8260): zone.definition(3), Name(APPOINTMENT, 0x8234): zone.name,
        Name(APPOINTMENT, 0x8235): _utc(zone, shown[0]).replace(hour=0, minute=0), 0x1080: 1025,
        Name(APPOINTMENT, 0x8236): datetime(4500, 8, 31, 23, 59, tzinfo=UTC) if ends == "never" else _utc(
            zone, shown[-1]
        ).replace(hour=0, minute=0),
    }  # fmt: skip
    rows: list[Any] = []
    if dice.random() < 0.4:
        more, rows = _people(draft)
        values |= more
    exceptions = [_exception(draft, change, begin, zone, number) for number, change in enumerate(changed)]
    return StoredProperties(put(values), tuple(rows), renumbered([*draft.files(1), *exceptions]))


def _changed(draft: Draft, day: datetime, begin: int, length: int) -> Changed:
    """Moved within its day, so that no two occurrences change their order."""
    dice = draft.dice
    start = day + timedelta(minutes=min(begin + dice.choice((0, 10, 30)), 1439))
    maybe = [dice.random() < 0.5 for _ in range(7)]
    return Changed(
        day, start, start + timedelta(minutes=length + 5),
        subject=f"Other {draft.text(2)}" if maybe[0] else None, location="Raum Ä" if maybe[1] else None,
        reminder_minutes=30 if maybe[2] else None, reminder_set=False if maybe[3] else None,
        busy=3 if maybe[4] else None, files=maybe[5],
    )  # fmt: skip


def _exception(draft: Draft, change: Changed, begin: int, zone: Zone, number: int) -> Attachment:
    """The message of a changed occurrence, in a hidden attachment (2.2.10.1)."""
    start, end = _utc(zone, change.start), _utc(zone, change.end)
    original = _utc(zone, change.day + timedelta(minutes=begin))
    values: Values = {
        0x001A: _EXCEPTION_CLASS, Name(APPOINTMENT, 0x820D): start, Name(APPOINTMENT, 0x820E): end, 0x0060: start,
        0x0061: end, Name(COMMON, 0x8516): start, Name(COMMON, 0x8517): end, 0x0E07: 1,
        Name(APPOINTMENT, 0x8228): original, Name(MEETING, 0x3): global_object_id(draft, change.day),
        Name(MEETING, 0x23): global_object_id(draft), Name(MEETING, 0xA): True, Name(MEETING, 0x5): True,
        0x1000: f"Exception {number} of {draft.number}: {draft.text(5)}", 0x1016: 1, Name(APPOINTMENT, 0x8206): True,
    }  # fmt: skip
    for value, key in (
        (change.subject, 0x0037), (change.location, Name(APPOINTMENT, 0x8208)),
        (change.reminder_minutes, Name(COMMON, 0x8501)), (change.reminder_set, Name(COMMON, 0x8503)),
        (change.busy, Name(APPOINTMENT, 0x8205)),
    ):  # fmt: skip
        if value is not None:
            values[key] = value
    files = draft.files(2) if change.files else []
    inner = StoredProperties(put(values), (), renumbered(files))
    local = (change.start.replace(tzinfo=UTC), change.end.replace(tzinfo=UTC))
    return embedded(0, inner, x7FFE=True, x7FFD=2, x7FFA=0, x7FFB=local[0], x7FFC=local[1])


def meeting_message(draft: Draft) -> StoredProperties:
    """A request, an answer, a cancellation; of one meeting or of a series."""
    dice = draft.dice
    last = dice.choice(("Request", "Request", "Resp.Pos", "Resp.Tent", "Resp.Neg", "Canceled"))
    zone, who = dice.choice(ZONES), draft.person()
    local = _day(draft) + timedelta(minutes=dice.randrange(0, 1380, 15))
    values = _event(draft, f"IPM.Schedule.Meeting.{last}", zone, local, timedelta(hours=1), False)
    values |= draft.sender(who) | {
        0x1035: f"<meeting.{draft.number}@contoso.example>", 0x0071: b"\1" + dice.randbytes(21), 0x1080: 1028,
        Name(MEETING, 0x1): draft.moment(), Name(MEETING, 0x1A): draft.moment(), Name(MEETING, 0x2): "Room 1",
        Name(MEETING, 0x5): False, Name(MEETING, 0xA): False,
    }  # fmt: skip
    if last == "Request":
        values |= {Name(MEETING, 0x26): 1, Name(APPOINTMENT, 0x8224): 2, Name(APPOINTMENT, 0x8217): 3, 0x0063: True}
        if dice.random() < 0.4:
            kind = dice.choice(KINDS)
            shown = days_of(kind, _day(draft), 9)
            values |= {
                Name(APPOINTMENT, 0x8223): True, Name(MEETING, 0x5): True, Name(APPOINTMENT, 0x8233): zone.struct,
                Name(APPOINTMENT, 0x8260): zone.definition(3), Name(APPOINTMENT, 0x8216): series_blob(
                    kind, shown, start=540, length=60, ends="count", first_day=0, gone=[], changed=[]
                ),
            }  # fmt: skip
    elif last == "Canceled":
        values[Name(APPOINTMENT, 0x8217)] = 7
    else:
        values |= {Name(APPOINTMENT, 0x8220): draft.moment(), 0x0036: 0}
    rows = [recipient(0, 1, draft.owner), *(recipient(row, 1, draft.person()) for row in range(1, 3))]
    return StoredProperties(put(values), tuple(rows), renumbered(draft.files(1)))
