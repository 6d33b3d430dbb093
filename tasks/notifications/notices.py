"""What people should be notified of, read from the state of the cutovers, never from what happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from pydantic import BaseModel

from mailmove.clock import now
from mailmove.evidence import PollResult
from mailmove.plan.gates_and_windows import NotificationEvent
from tasks.engine.prefect_internals import page_in_ui
from tasks.parking.forms import WAIT_FLOW
from tasks.parking.resume import Parked

FLOWS = ("cutover", "rollback")
"""Flows whose end is notified."""

_LATELY = timedelta(hours=24)
_ENDS = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_PAGE = 200


class Notice(BaseModel):
    """One notification. id: two notices of the same id are one, however often it is looked at."""

    kind: NotificationEvent
    id: str
    subject: str
    body: str


def waiting(question: Parked, result: PollResult | None) -> Notice | None:
    """It waits for a person: a gate, trouble, or a wait whose patience has ended."""
    if not question.paused:
        return None
    if question.flow == WAIT_FLOW:
        if result is None or result.asks is None or result.asks != result.parked_with:
            return None
        asking = result.asks
    else:
        asking = question.key
    return Notice(
        kind="waiting",
        id=f"waiting {question.run.id} {asking}",
        subject=_line(f"{question.customer} waits for you: {question.title}"),
        body=f"{question.question}\n\n{_where(question.run)}",
    )


def moved(question: Parked, known: datetime, forecast: datetime) -> Notice:
    """The forecast of a wait is no longer what it was."""
    later = "later" if forecast > known else "sooner"
    return Notice(
        kind="forecast",
        id=f"forecast {question.run.id} {forecast.isoformat()}",
        subject=_line(f"{question.customer}: {question.title} is forecast {later}, {forecast:%H:%M} UTC"),
        body=f"It was {known:%Y-%m-%d %H:%M} UTC, now {forecast:%Y-%m-%d %H:%M} UTC. {question.question}\n\n"
        f"{_where(question.run)}",
    )


def ended(run: FlowRun, flow: str) -> Notice:
    """A cutover or a rollback has come to its end."""
    customer = customer_of(run)
    state = run.state_name or "ended"
    message = run.state.message if run.state else None
    failed = run.state is not None and run.state.type in (StateType.FAILED, StateType.CRASHED)
    return Notice(
        kind="failed" if failed else "finished",
        id=f"ended {run.id} {state}",
        subject=_line(f"{customer}: the {flow} has {'failed' if failed else f'ended: {state}'}"),
        body=f"{message or state}\n\n{_where(run)}",
    )


def lately_ended(flows: tuple[str, ...] = FLOWS) -> Iterator[tuple[FlowRun, Notice]]:
    """Every run of these flows that ended within a day."""
    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_ENDS)),
        end_time=FlowRunFilterEndTime(after_=now() - _LATELY),
    )
    with get_client(sync_client=True) as client:
        for flow in flows:
            chosen, offset = FlowFilter(name=FlowFilterName(any_=[flow])), 0
            while page := client.read_flow_runs(flow_filter=chosen, flow_run_filter=wanted, limit=_PAGE, offset=offset):
                yield from ((run, ended(run, flow)) for run in page if "plan" in run.parameters)
                offset += len(page)
                if len(page) < _PAGE:
                    break


def customer_of(run: FlowRun) -> str:
    """Short name of the customer whose plan a root run has."""
    return str(run.parameters.get("plan", {}).get("customer", "?"))


def _where(run: FlowRun) -> str:
    return f"See {page_in_ui(run.id) or _name(run.id)}"


def _name(run: UUID) -> str:
    return f"flow run {run}"


def _line(words: str) -> str:
    """One line: a subject becomes a header of a mail."""
    return " ".join(words.split())
