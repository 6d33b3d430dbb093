"""Where every cutover is: what is done, what it waits for, on whom, until when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import BaseModel, Field

from tasks.ledger import Ledger
from tasks.looking import last_look
from tasks.parking import WAIT_FLOW
from tasks.runbook import RUNBOOK
from tasks.waking import Parked, parked_runs


class Night(BaseModel):
    """One cutover, as an administrator wants to see it."""

    customer: str
    cutover: UUID
    state: str = Field(description="Prefect's state of the run: Running, Suspended, Completed, ...")
    done: list[str] = Field(description="Steps of the runbook that have evidence")
    parked: str | None = Field(default=None, description="gate, wait or trouble, and its name")
    question: str = Field(default="", description="What it waits for, in words")
    forecast: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.state in ("Completed", "Failed", "Cancelled", "Crashed")


def nights(limit: int = 50) -> list[Night]:
    """The newest cutovers, newest first."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["cutover"])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=limit,
        )
    parked = {one.root.id: one for one in parked_runs()}
    return [night_of(run, parked.get(run.id)) for run in runs]


def night_of(run: FlowRun, parked: Parked | None) -> Night:
    """One cutover from its run, its ledger and what it is parked at."""
    customer = str(run.parameters.get("plan", {}).get("customer", "?"))
    seen = {entry.stage for entry in Ledger(customer, run.id).entries() if entry.kind == "evidence"}
    night = Night(
        customer=customer,
        cutover=run.id,
        state=run.state_name or "?",
        done=[step.name for step in RUNBOOK if step.name in seen],
    )
    if parked:
        night.parked = f"{parked.flow}: {parked.what}"
        night.question = parked.question
        if parked.flow == WAIT_FLOW and (look := last_look(parked.run.id)):
            night.question, night.forecast = look.summary, look.forecast
    return night
