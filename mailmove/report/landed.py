"""Where mail arrived, counted over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailmove.report.night import Landed

_SECONDS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400)
_MOST = 120


def landed(
    start: datetime, end: datetime, old: Sequence[datetime] | None, cloud: Sequence[datetime] | None
) -> list[Landed]:
    """At most 120 bars of equal length from `start` on. None: that side could not be read; its count is None too."""
    span = max((end - start).total_seconds(), 1.0)
    seconds = next((one for one in _SECONDS if span / one <= _MOST), _SECONDS[-1])
    bars = int(span // seconds) + 1
    counts = {name: _counted(times, start, seconds, bars) for name, times in (("old", old), ("cloud", cloud))}
    return [
        Landed(
            at=start + timedelta(seconds=seconds * bar),
            seconds=seconds,
            old=counts["old"][bar],
            cloud=counts["cloud"][bar],
        )
        for bar in range(bars)
    ]


def _counted(times: Sequence[datetime] | None, start: datetime, seconds: int, bars: int) -> list[int | None]:
    if times is None:
        return [None] * bars
    counts = [0] * bars
    for time in times:
        bar = int((time - start).total_seconds() // seconds)
        if 0 <= bar < bars:
            counts[bar] += 1
    return list(counts)
