"""Local time of a moment by PidLidTimeZoneStruct (MS-OXOCAL 2.2.1.39); what a changed occurrence needs."""

from __future__ import annotations

import calendar
import struct
from datetime import UTC, datetime, timedelta

from mailmove.items.stream.faults import unwritable

_LENGTH = 48
_FIFTH = 5


def local_time(moment: datetime, zone: bytes) -> datetime:
    """moment: with a time zone. Gives local time without one. ItemUnwritable: the blob is none."""
    if len(zone) < _LENGTH:
        raise unwritable("the time zone of a series", f"{len(zone)} bytes", "ZoneUnfit")
    bias, standard_bias, daylight_bias = struct.unpack_from("<iii", zone)
    standard, daylight = struct.unpack_from("<8H", zone, 14), struct.unpack_from("<8H", zone, 32)
    if not max(abs(bias), abs(standard_bias), abs(daylight_bias)) <= 2880:
        raise unwritable("the time zone of a series", "a bias of more than two days", "ZoneUnfit")
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    winter = utc - timedelta(minutes=bias + standard_bias)
    if not standard[1] or not daylight[1]:
        return winter
    summer = utc - timedelta(minutes=bias + daylight_bias)
    # Each transition is told in the local time that ends with it.
    begins, ends = _transition(daylight, winter.year), _transition(standard, winter.year)
    in_summer = begins <= winter and summer < ends if begins < ends else not (summer >= ends and winter < begins)
    return summer if in_summer else winter


def _transition(system_time: tuple[int, ...], year: int) -> datetime:
    fixed, month, weekday, nth, hour, minute, second, millisecond = system_time
    try:
        if fixed:
            return datetime(fixed, month, nth, hour, minute, second, millisecond * 1000)
        first, length = calendar.monthrange(year, month)
        day = 1 + (weekday - (first + 1)) % 7 + 7 * (min(nth, _FIFTH) - 1)
        if day > length:
            day -= 7
        return datetime(year, month, day, hour, minute, second, millisecond * 1000)
    except ValueError:
        raise unwritable("the time zone of a series", "a transition that is no day", "ZoneUnfit") from None
