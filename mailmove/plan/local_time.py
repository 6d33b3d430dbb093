"""The time zone of this machine, and a start as a person writes it: 22:00, or an ISO time. What is unclear is refused.

A local time that the change of the clocks leaves out, or has twice, is no time; nor is one that is past.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mailmove.clock import now as time_now
from mailmove.time_zones import known_time_zones

_JUST_NOW = timedelta(minutes=1)
"""A time so little past is this minute's: somebody wrote the time that it is."""
_FURTHEST = timedelta(days=366)
"""A start that is further ahead is a slip of the pen."""
_LOCALTIME = Path("/etc/localtime")


def local_zone(localtime: Path = _LOCALTIME) -> str | None:
    """IANA name of this machine's time zone: by TZ, then by what /etc/localtime links to. None: it cannot be told."""
    known = known_time_zones()
    if (by_setting := os.environ.get("TZ", "").removeprefix(":")) in known:
        return by_setting
    parts = Path(os.path.realpath(localtime)).parts
    names = ["/".join(parts[first:]) for first in range(len(parts))]
    return next((name for name in names if name in known), None)


def start_time(words: str, now: datetime | None = None, zone: str | None = None) -> datetime:
    """Parse a start. ValueError, in words: empty, no time, past, too far ahead, or a local time that is none or two.

    `22:00` is the next such time in `zone`; everything else is an ISO time, in `zone` where it names no offset.
    zone: IANA name; None: this machine's, or UTC. now: aware; None: the clock.
    """
    place = ZoneInfo(zone or local_zone() or "UTC")
    moment = (now or time_now()).astimezone(place)
    text = words.strip()
    if not text:
        raise ValueError("the time is empty; write 22:00, or leave it out to start now")
    start = _time_of_day(text, moment, place) or _iso_time(text, place)
    if start < moment - _JUST_NOW:
        raise ValueError(f"{text} is past, by {lasting(moment - start)}; write a time that is to come, or leave it out")
    if start > moment + _FURTHEST:
        raise ValueError(f"{text} is more than a year ahead; check the date")
    return start


def in_words(start: datetime, now: datetime | None = None, zone: str | None = None) -> str:
    """A start for people: `tonight 22:00 (in 5 h 44 min), Europe/London`."""
    name = zone or local_zone() or "UTC"
    place = ZoneInfo(name)
    moment, local = (now or time_now()).astimezone(place), start.astimezone(place)
    days = (local.date() - moment.date()).days
    day = {0: "tonight" if local.hour >= 18 else "today", 1: "tomorrow"}.get(days, f"{local:%a %d %b %Y}")
    return f"{day} {local:%H:%M} (in {lasting(start - moment)}), {name}"


def lasting(span: timedelta) -> str:
    """`3 d 4 h`, `5 h 44 min`, `12 min`; the two largest units."""
    minutes = max(0, round(span.total_seconds() / 60))
    days, hours = divmod(minutes // 60, 24)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes % 60} min" if not days else ""]
    return " ".join(part for part in parts if part)


def _time_of_day(text: str, moment: datetime, place: ZoneInfo) -> datetime | None:
    try:
        clock = datetime.strptime(text, "%H:%M").time()  # a time of day has no zone
    except ValueError:
        return None
    day: date = moment.date()
    if clock <= moment.time().replace(tzinfo=None):
        day += timedelta(days=1)
    return _only_reading(datetime.combine(day, clock), place)


def _iso_time(text: str, place: ZoneInfo) -> datetime:
    hint = f"{text!r} is no time; write 22:00 or 2026-11-23T22:00"
    try:
        given = datetime.fromisoformat(text)
        aware = given.astimezone(place) if given.tzinfo else None
    except (ValueError, OverflowError) as error:
        raise ValueError(hint) from error
    if len(text) <= len("2026-11-23"):  # a date alone would be midnight, which nobody has written
        raise ValueError(hint)
    return aware or _only_reading(given, place)


def _only_reading(local: datetime, place: ZoneInfo) -> datetime:
    """The one time that a local time names. ValueError: the clocks leave it out, or have it twice."""
    readings = [local.replace(tzinfo=place, fold=fold) for fold in (0, 1)]
    real = [reading for reading in readings if reading.astimezone(UTC).astimezone(place).replace(tzinfo=None) == local]
    if not real:
        raise ValueError(
            f"{local:%H:%M} does not exist on {local:%Y-%m-%d} in {place.key}: the clocks go forward over it; "
            "write an earlier or a later time"
        )
    if readings[0].utcoffset() != readings[1].utcoffset():
        choices = " or ".join(reading.isoformat(timespec="minutes") for reading in readings)
        raise ValueError(
            f"{local:%H:%M} comes twice on {local:%Y-%m-%d} in {place.key}: the clocks go back; write {choices}"
        )
    return readings[0]
