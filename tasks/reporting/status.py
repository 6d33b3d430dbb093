"""Where every cutover is: what is completed, what it waits for, on whom, until when, what goes wrong.

All customers in a number of requests that does not grow with each of them: pages of runs, of questions, of results, and
of each customer's newest line in the ledger.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import BaseModel, Field

from mailmove.clock import now
from mailmove.evidence import PollResult
from tasks.engine.run_ends import REFUSED
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.payloads import Topic
from tasks.ledger.rolled_back import RollbackFact, facts_of
from tasks.parking.forms import GATE_FLOW, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.halted import ROOTS
from tasks.parking.poll import last_results
from tasks.parking.resume import Parked, parked_runs
from tasks.progress.leave_out import lines_of_boards
from tasks.reporting.deleted_runs import deleted_cutovers, newest_of_all
from tasks.reporting.expiring import expiring_of
from tasks.reporting.ways_on import way_on
from tasks.runbook import RUNBOOK, STAGES

_PAGE, _MOST = 200, 10_000
_REFUSAL_SHOWN = timedelta(hours=1)
_FINAL = [StateType.COMPLETED, StateType.CANCELLED, StateType.FAILED, StateType.CRASHED]
DELETED = "Deleted"
"""State of a cutover whose run is gone, and whose ledger says that it was not over; Prefect has no such state."""

_FAILED = ("Failed", "Crashed", "TimedOut")
_NAMES = [step.name for step in RUNBOOK]
_ENDS = (Topic.STAGE, Topic.WAIT, Topic.RECONCILIATION)
"""Topics whose evidence says that a step has come to its end."""


class CutoverStatus(BaseModel):
    """One cutover (or rollback), as an administrator wants to see it. Times are UTC."""

    customer: str
    cutover: UUID
    flow: str = "cutover"
    state: str = Field(description="Prefect's state of the run: Running, Suspended, Completed, ...")
    done: list[str] = Field(description="Steps of the runbook that are completed")
    parked: str | None = Field(default=None, description="gate, wait or trouble, and its name")
    asked_in: UUID | None = Field(default=None, description="The parked run: its form answers the question")
    question: str = Field(default="", description="What it waits for, in words")
    on: str = Field(default="", description="On whom it waits")
    needs: bool = Field(default=False, description="Only a person can make it go on")
    wrong: str = Field(default="", description="What goes wrong")
    way_on: str = Field(default="", description="What a person can do, where it does not go on by itself")
    left: list[str] = Field(default=[], description="What people decided to go on without: stage, by whom, and why")
    expiring: list[str] = Field(default=[], description="Secrets and certificates that end soon, as preflight saw them")
    forecast: datetime | None = Field(default=None, description="Until when it waits; the start of one that is to come")
    since: datetime | None = Field(default=None, description="Since when it is where it is")

    @property
    def ended(self) -> bool:
        return self.state in ("Completed", "Cancelled", REFUSED, DELETED, *_FAILED)

    @property
    def rank(self) -> tuple[int, float]:
        """Order on the board: who waits for a person, what failed, what goes on, what is to come, what is over."""
        since = self.since.timestamp() if self.since else 0.0
        if self.state in _FAILED:
            return 1, -since
        if self.needs:
            return 0, since
        if self.ended:
            return 4, -since
        return (3 if self.state in ("Scheduled", "Late") else 2), self.forecast.timestamp() if self.forecast else since


def statuses(limit: int = 50, flows: tuple[str, ...] = ROOTS) -> list[CutoverStatus]:
    """Every run of these flows that is not over, and the newest ones; newest first.

    What was refused did nothing: of a customer who has another run it is shown for an hour.
    """
    shown, recent = _read(limit, flows)[0], now() - _REFUSAL_SHOWN
    others = {status.customer for status in shown if status.state != REFUSED}
    return [
        status
        for status in shown
        if status.state != REFUSED or status.customer not in others or (status.since and status.since > recent)
    ]


def _read(limit: int, flows: tuple[str, ...]) -> tuple[list[CutoverStatus], dict[str, Entry]]:
    """Every run that is not over and the `limit` newest, and the newest entry of each customer's ledger."""
    with get_client(sync_client=True) as client:
        lately = [(run, flow) for flow in flows for run in _newest(client, flow, limit)]
        lately = sorted(lately, key=lambda pair: _started(pair[0]), reverse=True)[:limit]
        known = {run.id for run, _ in lately}
        open_ones = [(run, flow) for flow in flows for run in _newest(client, flow, _MOST, only_open=True)]
        runs = lately + [(run, flow) for run, flow in open_ones if run.id not in known]
        newest = newest_of_all(client)
    parked = _questions(parked_runs(StateType.PAUSED, StateType.RUNNING, StateType.CANCELLING))
    results = last_results([question.run.id for question in parked.values() if question.flow == WAIT_FLOW])
    customers = list({_customer(run) for run, _ in runs})
    left, expiring = lines_of_boards(customers), expiring_of(customers, now())
    facts = facts_of(run.id for run, flow in runs if flow == "cutover")
    shown = []
    for run, flow in runs:
        question = parked.get(run.id)
        result = results.get(question.run.id) if question else None
        status = status_of(run, flow, question, result, newest.get(_customer(run)), facts.get(run.id))
        status.expiring = [] if status.ended else expiring.get(_customer(run), [])
        status.left = [line.line for line in left.get(_customer(run), []) if line.cutover == run.id]
        shown.append(status)
    return shown, newest


def board(limit: int = 2000) -> list[CutoverStatus]:
    """Every run that is not over; for a customer without one, its newest. What needs a person first."""
    latest: dict[str, CutoverStatus] = {}
    shown, newest = _read(limit, ROOTS)
    open_ones = [status for status in shown if not status.ended]
    under_way = {status.customer for status in open_ones}
    for status in sorted(shown, key=lambda status: status.state == REFUSED):  # it is nobody's last run
        latest.setdefault(status.customer, status)
    with get_client(sync_client=True) as client:
        for customer, entry in deleted_cutovers(client, newest, {status.cutover for status in shown}):
            known = latest.get(customer)
            if known is None or known.since is None or known.since < entry.at:
                latest[customer] = _deleted(customer, entry)
    over = [status for customer, status in latest.items() if customer not in under_way]
    return sorted([*open_ones, *over], key=lambda status: (*status.rank, status.customer))


def _deleted(customer: str, entry: Entry) -> CutoverStatus:
    return CutoverStatus(
        customer=customer,
        cutover=entry.cutover,
        state=DELETED,
        done=_before(entry),
        question="the run of its cutover was deleted in Prefect; what it did stands in its ledger",
        way_on=f"Undo it: `mailmove rollback` with the plan of {customer}. Or start anew: `mailmove start` with it.",
        needs=True,
        on="a person",
        since=entry.at,
    )


def status_of(
    run: FlowRun,
    flow: str,
    parked: Parked | None,
    result: PollResult | None,
    newest: Entry | None,
    rolled_back: RollbackFact | None = None,
) -> CutoverStatus:
    """One run, from what it is parked at, what that has last seen, and the customer's newest line in the ledger.

    rolled_back: a rollback of it has begun, so that nothing of it is done, and it asks nothing any more.
    """
    if rolled_back or (run.state is not None and (run.state.is_final() or run.state.is_cancelling())):
        parked = None  # whatever is still open under it, answers nothing any more
    status = CutoverStatus(
        customer=_customer(run),
        cutover=run.id,
        flow=flow,
        state=run.state_name or "?",
        done=[] if rolled_back else _completed(run, parked, newest if newest and newest.cutover == run.id else None),
        since=run.state.timestamp if run.state else None,
    )
    if status.state in _FAILED:
        status.wrong = (run.state.message if run.state else None) or status.state
    if not (parked and parked.paused):
        way = way_on(
            run.state,
            flow,
            status.customer,
            answered=parked is not None and not parked.cancelling,
            rolled_back=rolled_back,
        )
        status.question, status.way_on, status.needs = way.question, way.todo, way.needs
    if status.state in ("Scheduled", "Late"):
        status.forecast = run.next_scheduled_start_time or run.expected_start_time
    if parked and not parked.paused:
        status.parked, status.asked_in = f"{parked.flow}: {parked.title}", parked.run.id
    elif parked:
        status.parked, status.question = f"{parked.flow}: {parked.title}", parked.question
        status.asked_in = parked.run.id
        status.since, status.needs = parked.parked_at, parked.flow != WAIT_FLOW
        status.on = _on(parked)
        if parked.flow == TROUBLE_FLOW:
            status.wrong = parked.question
        if result:
            status.question, status.forecast = result.summary, result.forecast
            if result.asks:
                status.needs, status.on, status.question = True, "a person", f"{result.asks} {result.summary}"
    return status


def _completed(run: FlowRun, parked: Parked | None, newest: Entry | None) -> list[str]:
    """The runbook is walked in order: what lies before the step that it is at, is completed."""
    if run.state is not None and run.state.type == StateType.COMPLETED:
        return list(_NAMES)
    if parked and not (parked.flow == WAIT_FLOW and parked.awaited.until == "rolled_back"):
        by_gate: dict[str, str] = {stage.gate: stage.name for stage in STAGES if stage.gate}
        step = by_gate.get(parked.name, parked.name) if parked.flow == GATE_FLOW else parked.name
        return _NAMES[: _NAMES.index(step)] if step in _NAMES else []
    return _before(newest) if newest else []


def _before(newest: Entry) -> list[str]:
    """Steps that are completed when this is the last entry."""
    if newest.kind is EntryKind.ROLLED_BACK or newest.stage not in _NAMES:
        return []
    ends = newest.topic in _ENDS and newest.kind in (EntryKind.EVIDENCE, EntryKind.COMPLETED)
    return _NAMES[: _NAMES.index(newest.stage) + int(ends)]


def _questions(parked: list[Parked]) -> dict[UUID, Parked]:
    """Run -> its question; one that can be answered before one that was, and that before a cancelled one."""
    ordered = sorted(parked, key=lambda question: (question.paused, not question.cancelling))
    return {question.root.id: question for question in ordered}


def _on(parked: Parked) -> str:
    if parked.flow == GATE_FLOW:
        rule = parked.run.parameters["cutover"].get("gates", {}).get(parked.name, {})
        return " or ".join(rule.get("approvers", [])) or "anyone"
    return "a person" if parked.flow == TROUBLE_FLOW else parked.awaited.waits_on


def _newest(client: SyncPrefectClient, flow: str, limit: int, *, only_open: bool = False) -> list[FlowRun]:
    chosen = (
        FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=_FINAL))) if only_open else None
    )
    runs: list[FlowRun] = []
    while len(runs) < limit:
        page = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
            flow_run_filter=chosen,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=min(_PAGE, limit - len(runs)),
            offset=len(runs),
        )
        runs += page
        if len(page) < _PAGE:
            break
    return runs


def _started(run: FlowRun) -> float:
    return run.expected_start_time.timestamp() if run.expected_start_time else 0.0


def _customer(run: FlowRun) -> str:
    return str(run.parameters.get("plan", {}).get("customer", "?"))
