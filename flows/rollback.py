"""Put everything back, from the ledger, last stage first."""

from __future__ import annotations

from itertools import count
from uuid import UUID

from prefect import flow

from flows.trouble import trouble
from flows.wait import wait
from mailmove.errors import MailmoveError
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.items.return_to_source import list_unreturned, return_to_source
from tasks.ledger.ledger import Ledger
from tasks.ledger.rolled_back import record_ended
from tasks.ledger.stored_plan import keep_names
from tasks.parking.forms import PARKED, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.one_run import claim_for_rollback
from tasks.parking.poll import Awaited
from tasks.progress.interruptions import attempt_name, faults_named
from tasks.progress.ledger_chain import LEDGER, breaks_to_ask_about
from tasks.progress.rollback_stage import acted_meanwhile, cutovers_to_end, end_cutovers, left_standing, roll_back_stage
from tasks.reporting.publish import show_rollback
from tasks.runbook import STAGES, Stage


@flow(flow_run_name="rollback {plan.customer}")
def rollback(plan: Cutover, of: UUID | None = None, return_mail: bool = False, by: str = "") -> str:
    """Undo a cutover (default: the customer's last one). What must remain is named, with its reason.

    From its beginning on the cutover never goes on, whoever presses which button. return_mail: deliver to the old
    server what only the cloud has received since the switch; else it is listed. by: who rolls it back.
    """
    run = engine().root_run()
    root, *others = cutovers_to_end(plan, of, run)
    claim_for_rollback(plan.customer, root, others)  # before anything is written: of two rollbacks one goes on
    keep_names(plan)
    end_cutovers(plan, [root, *others], by, run)
    _until_trusted(plan, root)
    receipts: list[Receipt] = []
    stuck: list[str] = []
    for stage in reversed(STAGES):
        receipt = _tried(plan, stage, root)
        if receipt is None and stage.holds_rollback:
            receipt = _waited_for(plan, stage.name, root)
        stuck += [stage.name] if receipt is None else []
        receipts += [receipt] if receipt else []
        if stage.name == "switch_mail":  # while the mailboxes in the cloud have their licences
            receipts.append(_mail_of_the_cloud(plan, root, return_mail))
    receipts += [_waited_for(plan, stage, root) for stage in stuck]
    receipts += [_again(plan, stage, root) for stage in acted_meanwhile(plan, root)]
    record_ended(Ledger(plan.customer, root), by, run)
    return show_rollback(plan, receipts)


def _until_trusted(plan: Cutover, root: UUID) -> None:
    """Nothing is put back by a ledger whose chain is broken, until it is mended or a person says so."""
    for asked in count():
        why, breaks = breaks_to_ask_about(plan, root)
        if not breaks:
            return
        name = attempt_name(LEDGER, asked)
        engine().run_sub_flow(trouble, name, plan, LEDGER, why, breaks, tags=[PARKED, TROUBLE_FLOW])


def _mail_of_the_cloud(plan: Cutover, root: UUID, return_mail: bool) -> Receipt:
    """What cannot be looked at does not stop the rollback; it is named."""
    try:
        with faults_named("return_to_source"):
            receipt: Receipt = engine().run_task(return_to_source, plan, root, return_mail)
    except MailmoveError as error:
        return list_unreturned(plan, error)
    return receipt


def _tried(plan: Cutover, stage: Stage, root: UUID) -> Receipt | None:
    """None: it cannot be put back now. What does not count on it is put back meanwhile; then a person is asked."""
    try:
        return roll_back_stage(plan, stage.name, root)
    except MailmoveError:
        return None


def _waited_for(plan: Cutover, stage: str, root: UUID) -> Receipt:
    """Waited for and tried again, until it is put back, or a person goes on without it."""
    awaited = Awaited(stage, "rolled_back")
    engine().run_sub_flow(wait, str(awaited), plan, awaited.step, awaited.until, root, tags=[PARKED, WAIT_FLOW])
    return _again(plan, stage, root)


def _again(plan: Cutover, stage: str, root: UUID) -> Receipt:
    try:
        return roll_back_stage(plan, stage, root)
    except MailmoveError as error:
        return left_standing(plan, root, stage, error)
