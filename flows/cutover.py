"""The night of one customer, from the first look at the zone to the report."""

from __future__ import annotations

from prefect import flow, tags

from flows.gate import gate
from flows.preflight import preflight
from flows.trouble import trouble
from flows.wait import wait
from mailmove.errors import Drifted, MailmoveError
from mailmove.plan import Cutover
from tasks.looking import SETTLES
from tasks.parking import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW, known_as
from tasks.reporting import report
from tasks.runbook import RUNBOOK, Stage, Wait
from tasks.settling import settles_at_once

SKIPPED_WHEN_EMPTY = {"spend_money"}
"""Gates that nobody is asked at when there is nothing to do behind them."""


@flow(
    flow_run_name="cutover {plan.customer}",
    persist_result=True,
    result_serializer="json",
    description="Move a customer's mail to Microsoft 365, stage by stage; `tasks/runbook.py` is the order.",
)
def cutover(plan: Cutover) -> str:
    """Walk the runbook. Whatever cannot go on by itself is parked with its reason; nothing is given up."""
    preflight(plan)
    for step in RUNBOOK:
        if isinstance(step, Wait):
            _wait(plan, step.name)
        else:
            _until_done(plan, step)
    return report(plan)


def _until_done(plan: Cutover, stage: Stage) -> None:
    fresh = False
    while True:
        try:
            _perform(plan, stage, fresh)
        except Drifted:
            fresh = True  # the approval was for another picture: look again, ask again
        except MailmoveError as error:
            with tags(PARKED, TROUBLE_FLOW):
                known_as(trouble, stage.name)(plan, stage.name, str(error))
            fresh = True
        else:
            return


def _perform(plan: Cutover, stage: Stage, fresh: bool) -> None:
    approved = None
    if stage.gate:
        preview = stage.module.check.with_options(refresh_cache=fresh)(plan)
        if preview.changes or stage.gate not in SKIPPED_WHEN_EMPTY:
            with tags(PARKED, GATE_FLOW):
                approved = known_as(gate, stage.gate)(plan, stage.gate, preview)
    stage.module.apply(plan, approved)
    if not settles_at_once(plan, stage.name):
        _wait(plan, f"{SETTLES}{stage.name}")


def _wait(plan: Cutover, name: str) -> None:
    with tags(PARKED, WAIT_FLOW):
        known_as(wait, name)(plan, name)
