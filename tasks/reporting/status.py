"""Where every cutover is: what is done, what it waits for, on whom, until when, what goes wrong.

All customers in a number of requests that does not grow with each of them: pages of runs, of questions, of looks, and
of each customer's newest line in the ledger.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import BaseModel, Field

from mailmove.evidence import Look
from tasks.ledger.ledger import Entry, newest_entries
from tasks.parking.park import GATE_FLOW, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.poll import SETTLES, UNDOES, last_looks
from tasks.parking.wake import Parked, parked_runs
from tasks.runbook import RUNBOOK, stage_behind

_PAGE = 200
_FAILED = ("Failed", "Crashed", "TimedOut")
_NAMES = [step.name for step in RUNBOOK]

WAITS_ON = {
    "first_sync": "Microsoft 365",
    "old_ttl": "the world's resolvers",
    "window": "the clock",
    "propagation": "the world's resolvers",
    "quiet": "late senders",
    "quiet_inside": "late senders",
    "onboard_customer": "the customer",
}
"""On whom a wait waits; where nothing is said: the other side of that stage."""


class Night(BaseModel):
    """One cutover (or rollback), as an administrator wants to see it. Times are UTC."""

    customer: str
    cutover: UUID
    flow: str = "cutover"
    state: str = Field(description="Prefect's state of the run: Running, Suspended, Completed, ...")
    done: list[str] = Field(description="Steps of the runbook that lie behind it")
    parked: str | None = Field(default=None, description="gate, wait or trouble, and its name")
    asked_in: UUID | None = Field(default=None, description="The parked run: its form answers the question")
    question: str = Field(default="", description="What it waits for, in words")
    on: str = Field(default="", description="On whom it waits")
    needs: bool = Field(default=False, description="Only a person can make it go on")
    wrong: str = Field(default="", description="What goes wrong")
    forecast: datetime | None = Field(default=None, description="Until when it waits; the start of one that is to come")
    since: datetime | None = Field(default=None, description="Since when it is where it is")

    @property
    def ended(self) -> bool:
        return self.state in ("Completed", "Cancelled", *_FAILED)

    @property
    def rank(self) -> tuple[int, float]:
        """Tonight's needs first: who waits for a person, what failed, what goes on, what is to come, what is over."""
        since = self.since.timestamp() if self.since else 0.0
        if self.needs:
            return 0, since
        if self.state in _FAILED:
            return 1, -since
        if self.ended:
            return 4, -since
        return (3 if self.state in ("Scheduled", "Late") else 2), self.forecast.timestamp() if self.forecast else since


def nights(limit: int = 50, flows: tuple[str, ...] = ("cutover",)) -> list[Night]:
    """The newest runs of these flows, newest first."""
    with get_client(sync_client=True) as client:
        runs = [(run, flow) for flow in flows for run in _newest(client, flow, limit)]
    runs = sorted(runs, key=lambda found: _started(found[0]), reverse=True)[:limit]
    parked = {one.root.id: one for one in parked_runs()}
    looks = last_looks([one.run.id for one in parked.values() if one.flow == WAIT_FLOW])
    newest = newest_entries(list({_customer(run) for run, _ in runs}))
    return [
        night_of(run, flow, one, looks.get(one.run.id) if one else None, newest.get(_customer(run)))
        for run, flow in runs
        for one in [parked.get(run.id)]
    ]


def board(limit: int = 2000) -> list[Night]:
    """Every customer once, by its newest run; tonight's needs first."""
    latest: dict[str, Night] = {}
    for night in nights(limit, ("cutover", "rollback")):
        latest.setdefault(night.customer, night)
    return sorted(latest.values(), key=lambda night: (*night.rank, night.customer))


def night_of(run: FlowRun, flow: str, parked: Parked | None, look: Look | None, newest: Entry | None) -> Night:
    """One run, from what it is parked at, what that has last seen, and the customer's newest line in the ledger."""
    night = Night(
        customer=_customer(run),
        cutover=run.id,
        flow=flow,
        state=run.state_name or "?",
        done=_behind(run, parked, newest if newest and newest.cutover == run.id else None),
        since=run.state.timestamp if run.state else None,
    )
    if night.state in _FAILED:
        night.wrong = (run.state.message if run.state else None) or night.state
    if night.state in ("Scheduled", "Late"):
        night.forecast = run.next_scheduled_start_time or run.expected_start_time
    if parked:
        night.parked, night.question = f"{parked.flow}: {parked.what}", parked.question
        night.asked_in = parked.run.id
        night.since, night.needs = parked.parked_at, parked.flow != WAIT_FLOW
        night.on = _on(parked)
        if parked.flow == TROUBLE_FLOW:
            night.wrong = parked.question
        if look:
            night.question, night.forecast = look.summary, look.forecast
            if look.asks:
                night.needs, night.on, night.question = True, "a person", f"{look.asks} {look.summary}"
    return night


def _behind(run: FlowRun, parked: Parked | None, newest: Entry | None) -> list[str]:
    """The runbook is walked in order: what lies before the step that it is at, is done."""
    if run.state is not None and run.state.type == StateType.COMPLETED:
        return list(_NAMES)
    if parked and not parked.what.startswith(UNDOES):
        step, after = parked.what.removeprefix(SETTLES), 0
        step = stage_behind(step).name if parked.flow == GATE_FLOW else step
    elif newest and newest.kind != "undone":
        step, _, note = newest.stage.partition(":")  # "proof: asked for a sync" is written down within its stage
        after = not note and newest.kind in ("evidence", "passed")
    else:
        return []
    return _NAMES[: _NAMES.index(step) + after] if step in _NAMES else []


def _on(parked: Parked) -> str:
    name = parked.what.removeprefix(SETTLES)
    if parked.flow == GATE_FLOW:
        rule = parked.run.parameters["cutover"].get("gates", {}).get(name, {})
        return " or ".join(rule.get("approvers", [])) or "anyone"
    if parked.flow == TROUBLE_FLOW:
        return "a person"
    return WAITS_ON.get(name, "the other side")


def _newest(client: SyncPrefectClient, flow: str, limit: int) -> list[FlowRun]:
    found: list[FlowRun] = []
    while len(found) < limit:
        page = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=min(_PAGE, limit - len(found)),
            offset=len(found),
        )
        found += page
        if len(page) < _PAGE:
            break
    return found


def _started(run: FlowRun) -> float:
    return run.expected_start_time.timestamp() if run.expected_start_time else 0.0


def _customer(run: FlowRun) -> str:
    return str(run.parameters.get("plan", {}).get("customer", "?"))
