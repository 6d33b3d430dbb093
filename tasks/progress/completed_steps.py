"""Which steps a cutover has completed, written down: a resumed cutover goes on where it parked.

Without this it would walk through every finished task again, to be handed its result: some 120 requests for a late
resume. A kill between the end of a step and its line here costs just that.
"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger


def completed_steps(entries: Iterable[Entry]) -> set[str]:
    """Names of the steps that this cutover has completed, by its ledger."""
    return {entry.stage for entry in entries if entry.kind is EntryKind.COMPLETED}


def step_completed(ledger: Ledger, step: str) -> None:
    """From here on the cutover does not come back to it."""
    ledger.record(EntryKind.COMPLETED, step)
