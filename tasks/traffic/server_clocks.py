"""Our moments, by another server's clock. What it logs is told in its time, and a worker's clock may be wrong.

A moment of ours is carried over once, by how far apart the clocks are then, and kept: a clock that is set right later
does not move it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from mailmove.evidence import now
from mailmove.ports import HasClock
from tasks.ledger.ledger import Ledger

ROUNDED = timedelta(seconds=1)
"""Clocks are read in whole seconds."""

Whose = Literal["the old server", "Microsoft 365"]


def by_its_clock(server: HasClock, at: datetime) -> datetime:
    """When it was `at` here; a second late at most, and never later than that clock shows now, as `at` is past."""
    theirs = server.clock()
    return min(theirs, at + (theirs - now())) + ROUNDED


def when(step: str, server: HasClock, whose: Whose, ledger: Ledger) -> datetime:
    """When a step had taken effect, by the server's clock; before that: what it shows now."""
    note = f"{step}: by the clock of {whose}"
    kept = ledger.evidence(note)
    if kept:
        return datetime.fromisoformat(kept.facts[0])
    seen = ledger.evidence(step)
    if seen is None:
        return server.clock()
    at = by_its_clock(server, seen.at)
    ledger.record("evidence", note, facts=[at.isoformat()])
    return at
