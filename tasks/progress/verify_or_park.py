"""Does a stage take effect at once, or must it be waited for? The first answer is remembered.

Otherwise a resumed cutover would find that `verify` passes now, and never come back to the wait that it parked at.
"""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.context import TaskRunContext

from mailmove.clock import clock
from mailmove.errors import ByHand, NotYet
from mailmove.evidence import Evidence, PollResult
from mailmove.plan.cutover import Cutover
from tasks.execution.retry_policies import RETRIED
from tasks.parking.poll import not_yet
from tasks.runbook import stage_named

PAUSES: tuple[float, ...] = (1.0, 2.0)
"""Seconds between the tries; what takes longer is waited for without a process."""


def _once_per_stage(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return f"{context.task_run.flow_run_id}/{parameters['stage']}.verify_or_park"


@task(task_run_name="{stage} verified?", retries=2, cache_key_fn=_once_per_stage, **RETRIED)
def verify_or_park(cutover: Cutover, stage: str, patient: bool = True) -> PollResult:
    """done: the world agrees with a stage; else what it says instead. What is to be expected is shown as no failure.

    patient: tries again for a few seconds before it says no.
    """
    verify = stage_named(stage).module.verify.fn
    for pause in (*(PAUSES if patient else ()), None):
        try:
            evidence: Evidence = verify(cutover)
        except NotYet as error:
            if pause is None or isinstance(error, ByHand):
                return not_yet(error)
            clock().pause(pause)
        else:
            return PollResult(done=True, summary="; ".join(evidence.facts))
    raise AssertionError("unreachable")
