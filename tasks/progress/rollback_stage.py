"""Undo a cutover, stage by stage, from what its ledger says."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.states import Cancelled

from mailmove.errors import Blocked
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from tasks.ledger.ledger import Ledger, read_entries
from tasks.parking.restart_crashed import cut_short
from tasks.runbook import stage_named


def end_cutover(cutover: Cutover, of: UUID | None) -> UUID:
    """The cutover to undo (default: the one that wrote last), ended, so that it does not act meanwhile."""
    entries = read_entries(cutover.customer)
    root = of or (entries[-1].cutover if entries else None)
    if root is None:
        raise Blocked(
            "ledger",
            wanted=f"a cutover of {cutover.customer}",
            seen="none",
            todo="Nothing was changed; nothing is to be undone.",
        )
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(root).state
        if state is not None and (not state.is_final() or cut_short(state)):  # which the watch would revive
            client.set_flow_run_state(root, Cancelled(message="It is being rolled back."), force=True)
    return root


def undo_stage(cutover: Cutover, stage: str, root: UUID) -> Receipt:
    """Put back what a stage changed. Where that was done before, it is only told again; ByHand: a person must do it."""
    ledger = Ledger(cutover.customer, root)
    receipt = ledger.receipt(stage)
    if not receipt.changes:
        done = [entry for entry in ledger.entries() if (entry.stage, entry.kind) == (stage, "undone")]
        return Receipt(stage=stage, changes=done[-1].changes, remains=done[-1].facts) if done else Receipt(stage=stage)
    undone: Receipt = stage_named(stage).module.rollback(cutover, receipt)
    ledger.record("undone", stage, changes=undone.changes, facts=undone.remains)
    return undone
