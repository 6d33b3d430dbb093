"""Time zone blobs: PidLidTimeZoneStruct (MS-OXOCAL 2.2.1.39) and PidLidAppointmentTimeZoneDefinition* (2.2.1.41)."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.refusal import Fault

RECUR_CURRENT, EFFECTIVE = 0x0001, 0x0002
_MOST_BIAS = 24 * 60


@dataclass(frozen=True)
class Switch:
    """A SYSTEMTIME: with a year once, without one each year. month 0: there is none. day_of_week: Sunday is 0."""

    year: int
    month: int
    day_of_week: int
    day: int
    hour: int
    minute: int


@dataclass(frozen=True)
class Rule:
    """Biases in minutes: UTC is local time plus bias."""

    bias: int
    standard_bias: int
    daylight_bias: int
    standard: Switch
    daylight: Switch
    year: int = 0
    flags: int = 0


@dataclass(frozen=True)
class Definition:
    name: str
    rules: tuple[Rule, ...]

    @property
    def effective(self) -> Rule | None:
        return next((rule for rule in self.rules if rule.flags & EFFECTIVE), None)


def to_utc(local: datetime, rule: Rule) -> datetime:
    """A local time of the zone, both without tzinfo, in UTC. An hour that comes twice is taken as the first."""
    bias = rule.bias + (rule.daylight_bias if _is_daylight(local, rule) else rule.standard_bias)
    return local + timedelta(minutes=bias)


def _is_daylight(local: datetime, rule: Rule) -> bool:
    if not rule.daylight.month:
        return False
    begin, end = _moment(rule.daylight, local.year), _moment(rule.standard, local.year)
    return begin <= local < end if begin < end else not end <= local < begin


def _moment(switch: Switch, year: int) -> datetime:
    """When a switch falls in a year, on the clock that runs until then."""
    if switch.year:
        return datetime(switch.year, switch.month, switch.day, switch.hour, switch.minute)
    length = calendar.monthrange(year, switch.month)[1]
    days = [day for day in range(1, length + 1) if date(year, switch.month, day).isoweekday() % 7 == switch.day_of_week]
    return datetime(year, switch.month, days[min(switch.day, len(days)) - 1], switch.hour, switch.minute)


def read_time_zone_struct(blob: bytes) -> Rule:
    cursor = Cursor(blob)
    biases = _biases(cursor)
    switches = []
    for name in ("Standard", "Daylight"):
        at, year = cursor.at, cursor.u16(f"w{name}Year")
        switch = _switch(cursor, f"st{name}Date")
        if year != switch.year:
            cursor.refuse(Fault.BAD_VALUE, f"w{name}Year {switch.year}: that of st{name}Date", str(year), at)
        switches.append(switch)
    cursor.end("PidLidTimeZoneStruct")
    standard, daylight = switches
    _pair(cursor, standard, daylight)
    return Rule(*biases, standard, daylight)


def read_time_zone_definition(blob: bytes) -> Definition:
    cursor = Cursor(blob)
    cursor.expect(b"\x02\x01", "the version of a time zone definition")
    at, header = cursor.at, cursor.u16("cbHeader")
    start = cursor.at
    cursor.expect(b"\x02\x00", "Reserved of a time zone definition")
    length = cursor.u16("cchKeyName")
    name_at, name = cursor.at, cursor.utf16(length * 2, "KeyName")
    if not name:
        cursor.refuse(Fault.BAD_LENGTH, "a KeyName", "an empty one", name_at)
    count_at, count = cursor.at, cursor.u16("cRules")
    if cursor.at - start != header:
        cursor.refuse(Fault.BAD_LENGTH, f"cbHeader {cursor.at - start}", str(header), at)
    if not 1 <= count <= 1024:
        cursor.refuse(Fault.BAD_VALUE, "1 to 1024 rules", str(count), count_at)
    at, rules = cursor.at, tuple(_rule(cursor) for _ in range(count))
    cursor.end("the time zone definition")
    if sum(1 for rule in rules if rule.flags & EFFECTIVE) > 1:
        cursor.refuse(Fault.TWICE, "one effective rule", "more", at)
    if [rule.year for rule in rules] != sorted(rule.year for rule in rules):
        cursor.refuse(Fault.WRONG_ORDER, "rules by year", str([rule.year for rule in rules]), at)
    return Definition(name, rules)


def _rule(cursor: Cursor) -> Rule:
    cursor.expect(b"\x02\x01", "the version of a TZRule")
    cursor.expect(b"\x3e\x00", "Reserved of a TZRule")
    at, flags = cursor.at, cursor.u16("TZRule flags")
    if flags & ~(RECUR_CURRENT | EFFECTIVE):
        cursor.refuse(Fault.BAD_VALUE, "TZRule flags 0 to 3", str(flags), at)
    year = cursor.u16("wYear")
    cursor.zeros(14, "X of a TZRule")
    biases = _biases(cursor)
    switches = _switch(cursor, "stStandardDate"), _switch(cursor, "stDaylightDate")
    _pair(cursor, *switches)
    return Rule(*biases, *switches, year, flags)


def _biases(cursor: Cursor) -> tuple[int, int, int]:
    at = cursor.at
    biases = cursor.i32("lBias"), cursor.i32("lStandardBias"), cursor.i32("lDaylightBias")
    if any(abs(bias) > _MOST_BIAS for bias in biases):
        cursor.refuse(Fault.BAD_VALUE, "biases of less than a day in minutes", str(biases), at)
    return biases


def _switch(cursor: Cursor, name: str) -> Switch:
    at = cursor.at
    year, month, week_day, day, hour, minute, second, milli = (cursor.u16(name) for _ in range(8))
    # Without daylight saving its month is 0, and nothing else is read.
    days = range(1, 32) if year else range(1, 6)
    fits = month in range(1, 13) and day in days and week_day < 7 and hour < 24 and minute < 60
    if month and not (fits and second < 60 and milli < 1000):
        cursor.refuse(Fault.BAD_VALUE, f"{name}: a SYSTEMTIME", str((year, month, week_day, day, hour, minute)), at)
    return Switch(year, month, week_day, day, hour, minute)


def _pair(cursor: Cursor, standard: Switch, daylight: Switch) -> None:
    if bool(standard.month) != bool(daylight.month):
        cursor.refuse(Fault.BAD_VALUE, "both switches, or neither", f"months {standard.month} and {daylight.month}")
