"""Bars of the picture that shows where mail arrived over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailmove.report.cutover_report import ArrivalBar

_SECONDS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400)
_MOST = 120


def landed(
    start: datetime, end: datetime, old: Sequence[datetime] | None, cloud: Sequence[datetime] | None
) -> list[ArrivalBar]:
    """At most 120 bars of equal length from `start` on. old, cloud: times of arrivals; None: the side could not be
    read, and its counts are None too."""
    span = max((end - start).total_seconds(), 1.0)
    seconds = next((length for length in _SECONDS if span / length <= _MOST), _SECONDS[-1])
    bars = int(span // seconds) + 1
    counts = {name: _counted(times, start, seconds, bars) for name, times in (("old", old), ("cloud", cloud))}
    return [
        ArrivalBar(
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
