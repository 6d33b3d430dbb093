"""Which steps lie behind a night, written down: a resumed cutover goes on where it parked.

Without this it would walk through every finished task again, to be told its result: some 120 requests for a late wake.
A kill between the end of a step and its line here costs just that.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.plan.cutover import Cutover
from tasks.ledger.ledger import Entry, Ledger, this_cutover


def passed(entries: Iterable[Entry]) -> set[str]:
    """Names of the steps that lie behind this night, by its ledger."""
    return {entry.stage for entry in entries if entry.kind == "passed"}


def step_passed(cutover: Cutover, step: str) -> None:
    """From here on the night does not come back to it."""
    Ledger(cutover.customer, this_cutover()).record("passed", step)
