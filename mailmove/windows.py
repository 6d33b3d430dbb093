"""When may the mail be switched? Windows of local time, over midnight and over the change of the clocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mailmove.plan import Window


def is_open(windows: Sequence[Window], at: datetime) -> bool:
    """Does `at` (aware) lie in any window? No windows: always."""
    return not windows or any(_holds(window, at) for window in windows)


def next_opening(windows: Sequence[Window], at: datetime) -> datetime:
    """The first moment from `at` on at which a window is open."""
    if is_open(windows, at):
        return at
    return min(_next(window, at) for window in windows)


def _holds(window: Window, at: datetime) -> bool:
    clock = at.astimezone(ZoneInfo(window.timezone)).time()
    if window.opens <= window.closes:
        return window.opens <= clock < window.closes
    return clock >= window.opens or clock < window.closes


def _next(window: Window, at: datetime) -> datetime:
    zone = ZoneInfo(window.timezone)
    today = at.astimezone(zone).date()
    for days in range(3):  # an opening that the clocks leap over today comes tomorrow
        # Wall time in UTC and back: a time that does not exist becomes the one after the leap.
        opening = datetime.combine(today + timedelta(days=days), window.opens, zone).astimezone(at.tzinfo)
        if opening > at:
            return opening
    raise AssertionError("one of three days has an opening in the future")
