"""Time zones as a series and an appointment have them (MS-OXOCAL 2.2.1.39 to 2.2.1.43, TZRule in 2.2.1.41.1)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.recurrence import Weekday

_EFFECTIVE, _OF_SERIES = 0x0002, 0x0001
"""TZRULE_FLAG_EFFECTIVE_TZREG, TZRULE_FLAG_RECUR_CURRENT_TZREG."""
_LONGEST_NAME = (0xFFFF - 6) // 2


@dataclass(frozen=True)
class Transition:
    """The nth weekday of a month (5: the last), at that time of the day.

    year: then once, and nth is the day of the month.
    """

    month: int
    weekday: Weekday
    nth: int
    hour: int
    minute: int = 0
    second: int = 0
    millisecond: int = 0
    year: int = 0

    @property
    def system_time(self) -> bytes:
        """SYSTEMTIME (MS-DTYP 2.3.13)."""
        parts = (self.year, self.month, self.weekday, self.nth, self.hour, self.minute, self.second, self.millisecond)
        return _packed("a transition of a time zone", "<8H", *parts)


@dataclass(frozen=True)
class ZoneRule:
    """Biases are in minutes, to be added to local time for UTC. No transitions: no daylight saving time.

    year: the first one in which it holds.
    """

    bias: int
    standard_bias: int = 0
    daylight_bias: int = 0
    standard: Transition | None = None
    daylight: Transition | None = None
    year: int = 0

    @property
    def _biases(self) -> bytes:
        return _packed("a bias of a time zone", "<iii", self.bias, self.standard_bias, self.daylight_bias)


_NO_TRANSITION = bytes(16)


def time_zone_struct(rule: ZoneRule) -> bytes:
    """PidLidTimeZoneStruct: one rule, without a name."""
    written = rule._biases
    for transition in (rule.standard, rule.daylight):
        year = struct.pack("<H", transition.year if transition else 0)
        written += year + (transition.system_time if transition else _NO_TRANSITION)
    return written


def time_zone_definition(
    name: str, rules: Sequence[ZoneRule], *, effective: int = -1, of_series: bool = False
) -> bytes:
    """PidLidAppointmentTimeZoneDefinition*: the zone's name in Windows, and its rules by year.

    effective: which of the rules the times were made with. of_series: for ...DefinitionRecur.
    """
    if not rules or not name or len(name) > _LONGEST_NAME or "\0" in name:
        raise unwritable("a time zone with a name and rules", f"{len(name)} letters, {len(rules)} rules", "ZoneUnfit")
    holds = effective % len(rules)
    try:
        key = name.encode("utf-16-le")
    except UnicodeError:
        raise unwritable("the name of a time zone", "half a character", "ZoneUnfit") from None
    header = struct.pack("<HH", 2, len(key) // 2) + key + _packed("the rules of a time zone", "<H", len(rules))
    flags = [(_EFFECTIVE | _OF_SERIES * of_series) * (number == holds) for number in range(len(rules))]
    written = (_rule(rule, flag) for rule, flag in zip(rules, flags, strict=True))
    return struct.pack("<BBH", 2, 1, len(header)) + header + b"".join(written)


def _rule(rule: ZoneRule, flags: int) -> bytes:
    head = _packed("the year of a time zone's rule", "<BBHHH", 2, 1, 0x3E, flags, rule.year) + bytes(14)
    dates = (transition.system_time if transition else _NO_TRANSITION for transition in (rule.standard, rule.daylight))
    return head + rule._biases + b"".join(dates)


def _packed(wanted: str, form: str, *values: int) -> bytes:
    try:
        return struct.pack(form, *values)
    except struct.error:
        raise unwritable(wanted, ", ".join(map(str, values)), "ZoneUnfit") from None
