"""Flow runs made by hand, for the contract tests of Prefect's inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import prefect
import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import run_flow
from prefect.input import RunInput

from tasks.engine import prefect_internals as internals

ROOT = Path(__file__).resolve().parents[2]
needs_server = pytest.mark.usefixtures("prefect_server")


def differs(what: str, ours: str) -> str:
    """Message of a failure."""
    return f"Prefect {prefect.__version__} differs: {what} Of ours, this fails then: {ours}"


class Form(RunInput):
    name: str


class RootRun:
    """A run of a flow that a deployment has started; `go_on` runs it in this process, as its worker would."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.flow = flow(persist_result=True, result_serializer="json")(function)
        with get_client(sync_client=True) as client:
            deployment = client.create_deployment(client.create_flow(self.flow), name=f"contract-{uuid4().hex[:8]}")
            self.id = client.create_flow_run_from_deployment(deployment).id

    def go_on(self) -> Any:
        """What the flow returned; the signal by which it was left, where it was left by one."""
        try:
            return run_flow(self.flow, flow_run=read(self.id))
        except (Pause, Abort) as signal:
            return signal

    def sub_flow_runs(self) -> list[FlowRun]:
        """Oldest first."""
        parent = FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": [self.id]}})
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(flow_run_filter=parent)
        return sorted(runs, key=lambda run: str(run.created))


def read(run: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def own_id() -> UUID:
    run = internals.current_flow_run()
    assert run is not None, differs("a running flow has no FlowRunContext.", "fencing, parking, the stored plan.")
    return run.id


def park(number: int) -> None:
    """Pause this sub-flow with a form, suspend the run above it, and leave."""
    own = own_id()
    with get_client(sync_client=True) as client:
        state = internals.pause_with_form(client, own, number, Form, "who?")
        parent = client.read_task_run(cast(UUID, client.read_flow_run(own).parent_task_run_id))
    internals.suspend(cast(UUID, parent.flow_run_id), key=f"{state.id}-{number}")
    internals.leave_paused(state)


@flow
def question() -> str:
    """Asks until it is answered."""
    number = len(internals.used_pause_keys(read(own_id())))
    answer = internals.read_answer(own_id(), number) if number else None
    return f"{answer['name']} after {number}" if answer else cast(str, park(number + 1))


def parked() -> tuple[RootRun, FlowRun]:
    """A suspended run whose sub-flow asks."""

    def asks() -> str:
        return internals.keyed_by(question, "who")()

    root = RootRun(asks)
    signal = root.go_on()
    assert isinstance(signal, Pause), differs(f"a paused sub-flow was left by {signal!r}.", "parking.")
    (asked,) = root.sub_flow_runs()
    return root, asked


def answer(run: UUID, **fields: str) -> SetStateStatus:
    with get_client(sync_client=True) as client:
        return client.resume_flow_run(run, run_input=fields).status
