"""Start runs of a deployment, and wait for one where a person waits for its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from pydantic import BaseModel

from mailmove.plan.cutover import Cutover
from mailmove.shown_text import markdown_as_read
from tasks.parking.resume import parked_runs


class FinishedRun(BaseModel):
    """How a run ended, and the Markdown that it published."""

    run: UUID
    completed: bool
    message: str
    shown: str

    @property
    def read(self) -> str:
        """What it published, for a terminal."""
        return markdown_as_read(self.shown)


def start_run(deployment: str, plan: Cutover, at: datetime | None = None, **more: Any) -> UUID:
    """Start a deployment whose parameters are a plan and `more`; `at` None: now."""
    parameters: dict[str, Any] = {"plan": plan.model_dump(mode="json"), **more}
    run = run_deployment(deployment, parameters=parameters, scheduled_time=at, timeout=0, as_subflow=False)
    return cast(FlowRun, run).id


def blocks_lacking(plans: Sequence[Cutover]) -> list[str]:
    """A line for each block that a plan names and the server does not have."""
    from deployments.cli.block.work import not_saved
    from deployments.cli.init.evening import blocks_of

    named = [(plan.customer, block) for plan in plans for block in blocks_of(plan)]
    lacking = set(not_saved(list(dict.fromkeys(block for _, block in named))))
    return [
        f"{customer}: no block {block}; make it: mailmove block add {block}"
        for customer, block in named
        if block in lacking
    ]


def staggered(first: datetime | None, minutes: float, count: int) -> list[datetime | None]:
    """Times of `count` starts, `minutes` apart; `first` None: now."""
    if not minutes:
        return [first] * count
    begin = first or datetime.now().astimezone()
    return [begin + timedelta(minutes=minutes * place) for place in range(count)]


def finished_run(deployment: str, plan: Cutover, asked: Callable[[str], None], **more: Any) -> FinishedRun:
    """Start a run and wait until it has ended. `asked` is called with each question that it parks at."""
    run_id = start_run(deployment, plan, **more)
    shown_questions: set[str] = set()
    with get_client(sync_client=True) as client:
        while True:
            state = client.read_flow_run(run_id).state
            if state is not None and state.is_final():
                break
            if state is not None and state.is_paused():
                for parked in parked_runs():
                    if parked.root.id == run_id and parked.question not in shown_questions:
                        shown_questions.add(parked.question)
                        asked(parked.question)
            time.sleep(1)
        chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        artifacts = client.read_artifacts(artifact_filter=chosen)
        shown = [str(artifact.data) for artifact in artifacts if artifact.type == "markdown"]
    return FinishedRun(
        run=run_id, completed=state.is_completed(), message=state.message or state.name or "", shown="\n".join(shown)
    )
