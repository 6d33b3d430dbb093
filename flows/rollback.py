"""Put everything back, from the ledger, last stage first."""

from __future__ import annotations

from uuid import UUID

from prefect import flow, tags

from flows.wait import wait
from mailmove.errors import MailmoveError
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from tasks.items.return_to_source import bring_back
from tasks.ledger.stored_plan import keep_names
from tasks.parking.park import PARKED, WAIT_FLOW, to_its_end
from tasks.parking.poll import UNDOES
from tasks.progress.rollback_stage import end_cutover, undo_stage
from tasks.reporting.publish import show_rollback
from tasks.runbook import STAGES


@flow(flow_run_name="rollback {plan.customer}")
def rollback(plan: Cutover, of: UUID | None = None, bring_mail_back: bool = False) -> str:
    """Undo a cutover (default: the customer's last one). What must remain is named, with its reason.

    bring_mail_back: deliver to the old server what only the cloud has received since the switch; else it is listed.
    """
    keep_names(plan)
    root = end_cutover(plan, of)
    receipts: list[Receipt] = []
    for stage in reversed(STAGES):
        receipts.append(_undone(plan, stage.name, root))
        if stage.name == "switch_mail":  # while the mailboxes in the cloud have their licences
            receipts.append(_mail_of_the_cloud(plan, root, bring_mail_back))
    return show_rollback(plan, receipts)


def _mail_of_the_cloud(plan: Cutover, root: UUID, bring: bool) -> Receipt:
    """What cannot be looked at does not stop the way back; it is named."""
    try:
        return bring_back(plan, root, bring)
    except MailmoveError as error:
        return Receipt(stage="bring_back", remains=[f"mail that only the cloud has was not looked at: {error}"])


def _undone(plan: Cutover, stage: str, root: UUID) -> Receipt:
    """What cannot be put back now, for whatever reason, is waited for and tried again; a person may skip it."""
    try:
        return undo_stage(plan, stage, root)
    except MailmoveError:
        name = f"{UNDOES}{stage}"
        with tags(PARKED, WAIT_FLOW):
            to_its_end(wait, name, plan, name, root)
    try:
        return undo_stage(plan, stage, root)
    except MailmoveError as error:
        return Receipt(stage=stage, remains=[f"skipped: {error}"])
