"""Our moments, by another server's clock. What it logs is told in its time, and a worker's clock may be wrong.

A moment of ours is carried over once, by how far apart the clocks are then, and kept: a clock that is set right later
does not move it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from mailmove.evidence import now
from mailmove.ports import HasClock
from tasks.ledger import Ledger

Whose = Literal["the old server", "Microsoft 365"]


def by_its_clock(server: HasClock, at: datetime) -> datetime:
    """When it was `at` here; never later than that clock shows now, as `at` is past."""
    theirs = server.clock()
    return min(theirs, at + (theirs - now()))


def noticed_by(server: HasClock, whose: Whose, ledger: Ledger) -> datetime:
    """When the world had noticed the new MX, by the server's clock; before that: what it shows now."""
    stage = f"propagation: by the clock of {whose}"
    kept = ledger.evidence(stage)
    if kept:
        return datetime.fromisoformat(kept.facts[0])
    noticed = ledger.evidence("propagation")
    if noticed is None:
        return server.clock()
    at = by_its_clock(server, noticed.at)
    ledger.record("evidence", stage, facts=[at.isoformat()])
    return at
