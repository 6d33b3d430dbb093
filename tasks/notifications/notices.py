"""What is new about the cutovers that somebody should be told: read from what is there, never from what happened."""

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

from mailmove.evidence import Look, now
from mailmove.plan.gates_and_windows import News
from tasks.engine.prefect_internals import page_in_ui
from tasks.parking.park import WAIT_FLOW
from tasks.parking.wake import Parked

FLOWS = ("cutover", "rollback")
"""Flows whose end is told."""

_LATELY = timedelta(hours=24)
_ENDS = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_PAGE = 200


class Notice(BaseModel):
    """Something to tell. id: two notices of the same id are one, however often it is looked at."""

    kind: News
    id: str
    subject: str
    body: str


def waiting(one: Parked, look: Look | None) -> Notice | None:
    """It waits for a person: a gate, trouble, or a wait whose patience has ended."""
    if not one.paused:
        return None
    if one.flow == WAIT_FLOW:
        if look is None or look.asks is None or look.asks not in one.question:
            return None
        asking = look.asks
    else:
        asking = one.key
    return Notice(
        kind="waiting",
        id=f"waiting {one.run.id} {asking}",
        subject=_line(f"{one.customer} waits for you: {one.what}"),
        body=f"{one.question}\n\n{_where(one.run)}",
    )


def moved(one: Parked, told: datetime, forecast: datetime) -> Notice:
    """The forecast of a wait is no longer what it was."""
    later = "later" if forecast > told else "sooner"
    return Notice(
        kind="forecast",
        id=f"forecast {one.run.id} {forecast.isoformat()}",
        subject=_line(f"{one.customer}: {one.what} is forecast {later}, {forecast:%H:%M} UTC"),
        body=f"It was {told:%Y-%m-%d %H:%M} UTC, now {forecast:%Y-%m-%d %H:%M} UTC. {one.question}\n\n"
        f"{_where(one.run)}",
    )


def ended(run: FlowRun, flow: str) -> Notice:
    """A cutover or a rollback has come to its end."""
    customer = customer_of(run)
    state = run.state_name or "ended"
    said = run.state.message if run.state else None
    failed = run.state is not None and run.state.type in (StateType.FAILED, StateType.CRASHED)
    return Notice(
        kind="failed" if failed else "finished",
        id=f"ended {run.id} {state}",
        subject=_line(f"{customer}: the {flow} has {'failed' if failed else f'ended: {state}'}"),
        body=f"{said or state}\n\n{_where(run)}",
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
