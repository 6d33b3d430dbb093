"""The night of one customer, from the first look at the zone to the report."""

from __future__ import annotations

from prefect import flow, tags

from flows.gate import gate
from flows.trouble import trouble
from flows.wait import wait
from mailmove.errors import MailmoveError
from mailmove.plan.cutover import Cutover
from tasks.execution.apply_and_undo import approved_last
from tasks.execution.retry_policies import in_turn
from tasks.ledger.ledger import entries_so_far
from tasks.ledger.stored_plan import keep_names
from tasks.parking.park import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW, to_its_end
from tasks.parking.poll import SETTLES
from tasks.progress.completed_steps import passed, step_passed
from tasks.progress.interruptions import Held, held_up, hold, turn
from tasks.progress.verify_or_park import settles
from tasks.runbook import RUNBOOK, Stage, Wait

PREFLIGHT = "preflight"
SKIPPED_WHEN_EMPTY = {"spend_money"}
"""Gates that nobody is asked at when there is nothing to do behind them."""


@flow(
    flow_run_name="cutover {plan.customer}",
    description="Move a customer's mail to Microsoft 365, stage by stage; `tasks/runbook.py` is the order.",
)
def cutover(plan: Cutover) -> str:
    """Walk the runbook. Whatever cannot go on by itself is parked with its reason; nothing is given up."""
    keep_names(plan)
    entries = entries_so_far(plan)
    behind, held = passed(entries), held_up(entries)
    if PREFLIGHT not in behind:
        from flows.preflight import preflight  # the first process of a night needs it, as the last one the report

        to_its_end(preflight, PREFLIGHT, plan)
        step_passed(plan, PREFLIGHT)
    for step in RUNBOOK:
        if step.name in behind:
            continue
        if isinstance(step, Wait):
            _wait(plan, step.name, step.name)
        else:
            _until_done(plan, step, held[step.name])
        step_passed(plan, step.name)
    from tasks.reporting.publish import report

    return report(plan)


def _until_done(plan: Cutover, stage: Stage, held: list[Held] | None = None) -> None:
    """held: what earlier tries of this night came to; None: it is looked up."""
    held = held_up(entries_so_far(plan))[stage.name] if held is None else held
    approved: dict[int, str | None] = {}
    while True:
        try:
            if held:
                _attend(plan, stage, held)
            asked = sum(one.kind != "window" for one in held)  # a closed window leaves the approval as it is
            if stage.gate and asked not in approved:
                approved[asked] = _ask(plan, stage, stage.gate, asked)
            _perform(plan, stage, approved.get(asked), len(held))
        except MailmoveError as error:
            held.append(hold(plan, stage.name, error))
        else:
            return


def _attend(plan: Cutover, stage: Stage, held: list[Held]) -> None:
    """Come back to what the last try parked at. After `drifted` there is nothing but to ask again."""
    kind, earlier = held[-1].kind, sum(one.kind == held[-1].kind for one in held[:-1])
    if kind == "trouble":
        with tags(PARKED, TROUBLE_FLOW):
            to_its_end(trouble, turn(stage.name, earlier), plan, stage.name, held[-1].why)
    elif kind == "window":
        _wait(plan, "window", turn("window", earlier + 1))


def _ask(plan: Cutover, stage: Stage, name: str, asked: int) -> str | None:
    preview = in_turn(stage.module.check, asked)(plan)
    if not preview.changes and name in SKIPPED_WHEN_EMPTY:
        return None
    with tags(PARKED, GATE_FLOW):
        to_its_end(gate, turn(name, asked), plan, name, preview)
    return approved_last(plan, name)


def _perform(plan: Cutover, stage: Stage, approved: str | None, earlier: int) -> None:
    """After trouble it looks again, whatever it did before: what was mended may be what had undone it."""
    in_turn(stage.module.apply, earlier)(plan, approved)
    if not settles(plan, stage.name).done:
        _wait(plan, f"{SETTLES}{stage.name}", turn(f"{SETTLES}{stage.name}", earlier))


def _wait(plan: Cutover, name: str, known: str) -> None:
    with tags(PARKED, WAIT_FLOW):
        to_its_end(wait, known, plan, name)
