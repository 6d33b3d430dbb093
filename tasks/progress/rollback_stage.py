"""Roll a cutover back, stage by stage, from what its ledger says."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from mailmove.errors import Blocked
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger, read_entries
from tasks.progress.interruptions import faults_named
from tasks.runbook import stage_named

ROLLBACK = "rollback"
"""Under which the ledger has the beginning of a rollback."""


def end_cutover(plan: Cutover, of: UUID | None) -> UUID:
    """The cutover to roll back (default: the one that wrote last), ended, so that it does not act meanwhile."""
    entries = read_entries(plan.customer)
    root = of or (entries[-1].cutover if entries else None)
    if root is None:
        raise Blocked(
            "ledger",
            wanted=f"a cutover of {plan.customer}",
            seen="none",
            todo="Nothing was changed; nothing is to be undone.",
        )
    engine().end_run(root, "It is being rolled back.")
    ledger = Ledger(plan.customer, root)
    if not ledger.of_stage(ROLLBACK, EntryKind.ROLLED_BACK):
        ledger.record(EntryKind.ROLLED_BACK, ROLLBACK, facts=["from here on it is rolled back"])
    return root


def refuse_rolled_back(entries: Iterable[Entry]) -> None:
    """Blocked: a rollback of this cutover has begun, and somebody pressed Retry on it.

    Its completed steps may be put back by now: whoever went on from where it stood would count on them.
    """
    if any(entry.kind is EntryKind.ROLLED_BACK for entry in entries):
        raise Blocked(
            "ledger",
            wanted="a cutover that was not rolled back",
            seen="a rollback of it has begun",
            todo="Let the rollback end; then start a new cutover: `mailmove start` with the plan.",
        )


def roll_back_stage(plan: Cutover, stage: str, root: UUID) -> Receipt:
    """Put back what a stage changed. Where that was done before, its receipt is given again; ByHand: a person must."""
    ledger = Ledger(plan.customer, root)
    receipt = ledger.receipt(stage)
    if not receipt.changes:
        earlier = ledger.of_stage(stage, EntryKind.ROLLED_BACK)
        if not earlier:
            return Receipt(stage=stage)
        return Receipt(stage=stage, changes=earlier[-1].changes, remains=earlier[-1].facts)
    with faults_named(stage):
        undone = stage_named(stage).rollback(plan, receipt)
    ledger.record(EntryKind.ROLLED_BACK, stage, changes=undone.changes, facts=undone.remains)
    return undone
