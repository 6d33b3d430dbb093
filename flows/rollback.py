"""Put everything back, from the ledger, last stage first."""

from __future__ import annotations

from uuid import UUID

from prefect import flow, tags

from flows.wait import wait
from mailmove.errors import NotYet
from mailmove.evidence import Receipt
from mailmove.plan import Cutover
from tasks.looking import UNDOES
from tasks.parking import PARKED, WAIT_FLOW, known_as
from tasks.reporting import show_rollback
from tasks.runbook import STAGES
from tasks.undoing import end_cutover, undo_stage


@flow(flow_run_name="rollback {plan.customer}", persist_result=True, result_serializer="json")
def rollback(plan: Cutover, of: UUID | None = None) -> str:
    """Undo a cutover (default: the customer's last one). What must remain is named, with its reason."""
    root = end_cutover(plan, of)
    return show_rollback(plan, [_undone(plan, stage.name, root) for stage in reversed(STAGES)])


def _undone(plan: Cutover, stage: str, root: UUID) -> Receipt:
    """What is not back yet, such as records that a person must type, is waited for; a person may skip that."""
    try:
        return undo_stage(plan, stage, root)
    except NotYet:
        name = f"{UNDOES}{stage}"
        with tags(PARKED, WAIT_FLOW):
            known_as(wait, name)(plan, name, root)
    try:
        return undo_stage(plan, stage, root)
    except NotYet as error:
        return Receipt(stage=stage, remains=[f"skipped: {error}"])
