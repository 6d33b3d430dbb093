"""Does a stage take effect at once, or must it be waited for? The first answer is remembered.

Otherwise a resumed cutover would find that `verify` passes now, and never come back to the wait that it parked at.
"""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.context import TaskRunContext

from mailmove.errors import NotYet
from mailmove.plan import Cutover
from tasks.runbook import stage_named


def _once_per_stage(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return f"{context.task_run.flow_run_id}/{parameters['stage']}.settles_at_once"


@task(task_run_name="{stage} settles", persist_result=True, result_serializer="json", cache_key_fn=_once_per_stage)
def settles_at_once(cutover: Cutover, stage: str) -> bool:
    """False: the world has not caught up after a few seconds; wait for it without a process."""
    try:
        stage_named(stage).module.verify(cutover)
    except NotYet:
        return False
    return True
