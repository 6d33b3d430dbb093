"""Run the read-only preflight of a new plan, where the server has what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from prefect.client.orchestration import get_client
from pydantic import BaseModel

from deployments.cli.doctor.server import live_workers, missing_deployments
from mailmove.plan.cutover import Cutover


class PreflightOutcome(BaseModel):
    """state `blocked`: something stands in the way; `left out`: it was not run, and `words` says why."""

    state: Literal["passed", "blocked", "left out"]
    words: str = ""


def run_preflight(plan: Cutover, show: Callable[[str], None]) -> PreflightOutcome:
    """Run it on a worker and wait for it; its findings are shown."""
    from deployments.cli.start_runs import finished_run

    with get_client(sync_client=True) as client:
        missing = missing_deployments(client)
        workers = live_workers(client)
    if missing:
        words = f"the server lacks the deployments {', '.join(missing)}; `mailmove up` registers them"
        return PreflightOutcome(state="left out", words=words)
    if not workers:
        words = "no worker is alive that would run it; `mailmove up` starts one"
        return PreflightOutcome(state="left out", words=words)
    show("preflight: reading everything, changing nothing; a minute or two ...")
    run = finished_run("preflight/preflight", plan, lambda question: show(f"waiting: {question}"))
    show(run.read)
    return PreflightOutcome(state="passed" if run.completed else "blocked", words="" if run.completed else run.message)
