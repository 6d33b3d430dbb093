"""The cutover of one customer, from the first check of the zone to the report."""

from __future__ import annotations

from itertools import count

from prefect import flow

from flows.gate import gate
from flows.trouble import trouble
from flows.wait import wait
from mailmove.errors import MailmoveError, RolledBack
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.execution.apply_and_undo import approved_last
from tasks.execution.rolled_back import end_if_rolled_back, refuse_rolled_back
from tasks.ledger.ledger import own_ledger
from tasks.ledger.payloads import Interruption
from tasks.ledger.stored_plan import keep_names
from tasks.parking.forms import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.poll import Awaited
from tasks.progress.completed_steps import completed_steps, step_completed
from tasks.progress.interruptions import attempt_name, faults_named, interrupt, interruptions
from tasks.progress.leave_out import is_left_out
from tasks.progress.rollback_stage import refuse_while_rolling_back
from tasks.progress.verify_or_park import verify_or_park
from tasks.runbook import RUNBOOK, Stage, Wait

PREFLIGHT = "preflight"


@flow(
    flow_run_name="cutover {plan.customer}",
    description="Move a customer's mail to Microsoft 365, stage by stage; `tasks/runbook.py` is the order.",
)
def cutover(plan: Cutover) -> str:
    """Walk the runbook. Whatever cannot go on by itself is parked with its reason; nothing is given up."""
    engine().claim(plan.customer)  # before anything else: of two starts one goes on
    keep_names(plan)
    ledger = own_ledger(plan)
    refuse_rolled_back(ledger.entries())
    refuse_while_rolling_back(ledger)
    completed, interrupted = completed_steps(ledger.entries()), interruptions(ledger.entries())
    if PREFLIGHT not in completed:
        from flows.preflight import preflight  # the first process of a cutover needs it, as the last one the report
        from tasks.items.mover_choice import decide_mover

        engine().run_sub_flow(preflight, PREFLIGHT, plan)
        engine().run_task(decide_mover, plan)
        step_completed(ledger, PREFLIGHT)
    for step in RUNBOOK:
        if step.name in completed:
            continue
        end_if_rolled_back()
        if isinstance(step, Wait):
            _wait(plan, Awaited(step.name), step.name)
        else:
            _until_done(plan, step, interrupted[step.name])
        step_completed(ledger, step.name)
    from tasks.reporting.publish import report

    end_if_rolled_back()
    return report(plan)


def _until_done(plan: Cutover, stage: Stage, earlier: list[Interruption]) -> None:
    """earlier: what interrupted the tries of this stage so far; each try that is interrupted is added."""
    approved: dict[int, str | None] = {}
    while True:
        if earlier and _is_left_out(plan, stage, earlier):  # what keeps it from asking is no trouble to ask about
            return
        try:
            asked = sum(past.kind != "window" for past in earlier)  # a closed window leaves the approval as it is
            with faults_named(stage.name):
                if stage.gate and asked not in approved:
                    approved[asked] = _ask(plan, stage, stage.gate, asked)
                _perform(plan, stage, approved.get(asked), len(earlier))
        except RolledBack:
            raise
        except MailmoveError as error:
            earlier.append(interrupt(own_ledger(plan), stage.name, error))
        else:
            return


def _is_left_out(plan: Cutover, stage: Stage, earlier: list[Interruption]) -> bool:
    """Come back to what the last try parked at; True: a person said to go on without the stage as a whole.

    After `drifted` there is nothing but to ask again.
    """
    last = earlier[-1]
    before = sum(past.kind == last.kind for past in earlier[:-1])
    if last.kind == "window":
        _wait(plan, Awaited("window"), attempt_name("window", before + 1))
    if last.kind != "trouble":
        return False
    name = attempt_name(stage.name, before)
    engine().run_sub_flow(trouble, name, plan, stage.name, last.why, last.leaves, tags=[PARKED, TROUBLE_FLOW])
    return is_left_out(own_ledger(plan).entries(), stage.name)


def _ask(plan: Cutover, stage: Stage, name: str, asked: int) -> str | None:
    preview = stage.check(plan, attempt=asked)
    if not preview.changes and stage.skipped_when_empty:
        return None
    for again in count():  # a run that somebody set to Completed in the UI is no yes: it is asked once more
        asking = attempt_name(name, asked) + (f".again{again}" if again else "")
        engine().run_sub_flow(gate, asking, plan, name, preview, tags=[PARKED, GATE_FLOW])
        if digest := approved_last(own_ledger(plan), name):
            return digest
    raise AssertionError("unreachable")


def _perform(plan: Cutover, stage: Stage, approved: str | None, earlier: int) -> None:
    """After trouble it checks again, whatever it did before: what was mended may be what had undone it."""
    stage.apply(plan, approved, attempt=earlier)
    if not engine().run_task(verify_or_park, plan, stage.name).done:
        awaited = Awaited(stage.name, "verified")
        _wait(plan, awaited, attempt_name(str(awaited), earlier))


def _wait(plan: Cutover, awaited: Awaited, name: str) -> None:
    engine().run_sub_flow(wait, name, plan, awaited.step, awaited.until, tags=[PARKED, WAIT_FLOW])
