"""Windows of local time in which the mail may be switched, over midnight and over the change of the clocks.

A local time that comes twice, or never, is read so that the window gets narrower: no switch ever starts outside the
window by a wall clock. A window belongs to the date on which it opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailmove.plan.gates_and_windows import Window

_DAYS_AHEAD = 8
"""Days to search for an opening, beyond the holidays; the clocks change on one of them at most."""

NOTHING = timedelta(0)


def is_open(windows: Sequence[Window], at: datetime, kept: timedelta = NOTHING) -> bool:
    """May a switch start at `at` (aware)? No windows: always.

    kept: TTL of the records that the switch publishes; it counts where a window is `reversible_by`.
    """
    return not windows or closes(windows, at, kept) is not None


def closes(windows: Sequence[Window], at: datetime, kept: timedelta = NOTHING) -> datetime | None:
    """End (UTC, exclusive) of the window that is open at `at`; None: none is open."""
    return max((end for start, end in _around(windows, at, kept) if start <= at < end), default=None)


def next_opening(windows: Sequence[Window], at: datetime, kept: timedelta = NOTHING) -> datetime | None:
    """Earliest time from `at` on at which a switch may start. None: no window is long enough for `reversible_by`."""
    if is_open(windows, at, kept):
        return at
    return min((start for start, _ in _around(windows, at, kept) if start > at), default=None)


def _around(windows: Sequence[Window], at: datetime, kept: timedelta) -> Iterator[tuple[datetime, datetime]]:
    for window in windows:
        today = at.astimezone(ZoneInfo(window.timezone)).date()
        ahead = _DAYS_AHEAD + len([day for day in window.holidays if day >= today])
        for days in range(-1, ahead):
            start, end = _opening(window, today + timedelta(days=days), kept)
            if start < end and today + timedelta(days=days) not in window.holidays:
                yield start, end


def _opening(window: Window, day: date, kept: timedelta) -> tuple[datetime, datetime]:
    """Start and end (exclusive) of a window on a day, UTC; it does not open if the end is not after the start."""

    def after_opening(clock: time) -> datetime:
        return min(_readings(window, day + timedelta(days=clock <= window.opens), clock))

    end = after_opening(window.closes)
    if window.reversible_by is not None:
        rollback_time = timedelta(minutes=window.rollback_minutes) + kept
        end = min(end, after_opening(window.reversible_by) - rollback_time)
    return max(_readings(window, day, window.opens)), end


def _readings(window: Window, day: date, clock: time) -> list[datetime]:
    """Readings of a local time, in UTC: two different ones where the clocks go back, or skip it."""
    local = datetime.combine(day, clock, ZoneInfo(window.timezone))
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
