"""Our moments, by another server's clock. What it logs is told in its time, and a worker's clock may be wrong.

A moment of ours is carried over once, by how far apart the clocks are then, and kept: a clock that is set right later
does not move it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from mailmove.clock import now
from mailmove.ports import HasClock
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import ServerClock

ROUNDED = timedelta(seconds=1)
"""Clocks are read in whole seconds."""

Side = Literal["source", "target"]


def by_its_clock(server: HasClock, at: datetime) -> datetime:
    """When it was `at` on our clock; a second late at most, and never later than it shows now, as `at` is past."""
    theirs = server.clock()
    return min(theirs, at + (theirs - now())) + ROUNDED


def when(context: Context, step: str, side: Side) -> datetime:
    """When a step had taken effect, by the server's clock; before that: what it shows now.

    A moment is carried over once and written down (`record_clock`), so that a clock that is set right later does not
    move it. Until it is written down it is worked out anew.
    """
    known = _known(context, step, side)
    if known:
        return known
    server = _server(context, side)
    evidence = context.ledger.evidence(step)
    return by_its_clock(server, evidence.at) if evidence else server.clock()


def record_clock(context: Context, step: str, side: Side) -> None:
    """Write down when a step had taken effect by that server's clock; once."""
    if _known(context, step, side) is None and context.ledger.evidence(step) is not None:
        reading = ServerClock(step=step, whose=side, at=when(context, step, side))
        facts = [f"{step} by the clock of the {side}: {reading.at:%Y-%m-%d %H:%M:%S} UTC"]
        context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=reading, facts=facts)


def _known(context: Context, step: str, side: Side) -> datetime | None:
    readings = [reading for _, reading in context.ledger.payloads(ServerClock)]
    return next((reading.at for reading in readings if (reading.step, reading.whose) == (step, side)), None)


def _server(context: Context, side: Side) -> HasClock:
    return context.source if side == "source" else context.tenant
