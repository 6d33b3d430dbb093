"""What the watch reads, polls and keeps, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from prefect.client.schemas.objects import StateType

from mailmove.evidence import PollResult
from tasks.parking.due_polls import keep_results, poll_all, remember_results
from tasks.parking.resume import Parked, parked_lately, parked_runs


@dataclass
class Watcher:
    """The server's side of the watch. A test hands in one of its own.

    step_seconds: between two readings of what was answered or parked lately. soon_seconds: to the next poll up to which
    the watch stays. notify_seconds: between two rounds of notifications. reading_seconds: between two readings of
    everything that is parked, at the least; reading_share: such a reading is followed by so many times its own length
    without one.
    """

    step_seconds: float = 2.0
    soon_seconds: float = 50.0
    notify_seconds: float = 10.0
    reading_seconds: float = 10.0
    reading_share: float = 19.0

    def read_all(self) -> list[Parked]:
        """Everything that is parked, was answered and is not resumed yet, or was cancelled."""
        return parked_runs(StateType.PAUSED, StateType.RUNNING, StateType.CANCELLING)

    def read_lately(self, since: datetime) -> list[Parked]:
        """What was answered, or parked for the first time since then."""
        return parked_lately(since)

    def poll(self, waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        """One poll of each wait; with it comes its last result."""
        return asyncio.run(poll_all(waits))

    def keep(self, results: list[tuple[Parked, PollResult]]) -> None:
        """Keep new results on the server."""
        keep_results(results)

    def remember(self, results: list[tuple[Parked, PollResult]]) -> None:
        """Keep what says nothing new, and the next watch must know, in the place of what was kept."""
        remember_results(results)
