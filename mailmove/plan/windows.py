"""When may the mail be switched? Windows of local time, over midnight and over the change of the clocks.

A local time that comes twice, or never, is read so that the window gets narrower: nobody who looks at a clock on the
wall ever sees a switch start outside it. A window belongs to the date on which it opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailmove.plan.gates_and_windows import Window

_NIGHTS = 8
"""Nights to look ahead beyond the holidays; the clocks change in one of them at most."""

NOTHING = timedelta(0)


def is_open(windows: Sequence[Window], at: datetime, kept: timedelta = NOTHING) -> bool:
    """May a switch start at `at` (aware)? No windows: always.

    kept: how long the world keeps what the switch publishes (its TTL); it counts where a window is `reversible_by`.
    """
    return not windows or closes(windows, at, kept) is not None


def closes(windows: Sequence[Window], at: datetime, kept: timedelta = NOTHING) -> datetime | None:
    """The last moment (UTC, exclusive) of the openings that hold `at`; None: there is none."""
    return max((end for start, end in _around(windows, at, kept) if start <= at < end), default=None)


def next_opening(windows: Sequence[Window], at: datetime, kept: timedelta = NOTHING) -> datetime | None:
    """The first moment from `at` on at which a switch may start. None: no night is long enough for `reversible_by`."""
    if is_open(windows, at, kept):
        return at
    return min((start for start, _ in _around(windows, at, kept) if start > at), default=None)


def _around(windows: Sequence[Window], at: datetime, kept: timedelta) -> Iterator[tuple[datetime, datetime]]:
    for window in windows:
        today = at.astimezone(ZoneInfo(window.timezone)).date()
        ahead = _NIGHTS + len([day for day in window.holidays if day >= today])
        for days in range(-1, ahead):
            start, end = _opening(window, today + timedelta(days=days), kept)
            if start < end and today + timedelta(days=days) not in window.holidays:
                yield start, end


def _opening(window: Window, day: date, kept: timedelta) -> tuple[datetime, datetime]:
    """First and last moment (exclusive), UTC; the last one may come first, and then it does not open."""

    def after_opening(clock: time) -> datetime:
        return min(_readings(window, day + timedelta(days=clock <= window.opens), clock))

    end = after_opening(window.closes)
    if window.reversible_by is not None:
        way_back = timedelta(minutes=window.way_back_minutes) + kept
        end = min(end, after_opening(window.reversible_by) - way_back)
    return max(_readings(window, day, window.opens)), end


def _readings(window: Window, day: date, clock: time) -> list[datetime]:
    """What a local time may mean, UTC: two moments where the clocks go back, or leap over it."""
    local = datetime.combine(day, clock, ZoneInfo(window.timezone))
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
