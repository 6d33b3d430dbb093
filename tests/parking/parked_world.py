"""Cutovers on a real Prefect server, run in this process as a worker would run them: no worker, no waiting."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.input.actions import read_flow_run_input

from mailmove.changes import Change, ChangeKind, RecordSetSubject
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from tasks.engine.port import Rows, Store
from tasks.engine.prefect_engine import PrefectEngine
from tasks.engine.prefect_store import ArtifactStore
from tasks.parking.resume import Parked, parked_runs
from tasks.runbook import Stage, Wait


def new_plan(**gates: Any) -> Cutover:
    """A plan of a customer of its own, so that its ledger is empty."""
    return plan_from(
        {
            "customer": f"c-{uuid4().hex[:12]}",
            "domains": ["contoso.com"],
            "source": {
                "server": "exchange-server/contoso",
                "outlook_anywhere_host": "mail.contoso.com",
                "smtp_host": "mail.contoso.com",
            },
            "dns": {"provider": "route53/contoso"},
            "target": {"tenant": "microsoft365/contoso", "usage_location": "GB"},
            "firewall": {"gateway": "aws-security-group/contoso"},
            "gates": gates,
        }
    )


def mx_change(before: Any, after: Any) -> Change:
    """Of the MX set of contoso.com."""
    mx = RecordSetSubject(name="contoso.com.", type="MX")
    return Change(kind=ChangeKind.RECORD_SET, subject=mx, before=before, after=after)


@dataclass(frozen=True)
class PlayedStage(Stage):
    """A stage whose check, apply, verify and rollback are a test's own."""

    verbs: dict[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> ModuleType:
        module = ModuleType(f"tasks.stages.{self.name}")
        vars(module).update(self.verbs)
        return module


@dataclass(frozen=True)
class PlayedWait(Wait):
    """A wait whose poll, remedy and end are a test's own."""

    verbs: dict[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> ModuleType:
        module = ModuleType(f"tasks.waits.{self.name}")
        vars(module).update(self.verbs)
        return module


class Killed(BaseException):
    """kill -9, as a test can play it."""


class HeardStore(ArtifactStore):
    """Prefect's store, which says what is read and written; what is told of it may kill the process."""

    def __init__(
        self,
        *,
        reads: Callable[[list[str]], Any] = lambda _: None,
        before: Callable[[str], Any] = lambda _: None,
        after: Callable[[str], Any] = lambda _: None,
    ) -> None:
        self._reads, self._before, self._after = reads, before, after

    def read_latest(self, keys: list[str]) -> dict[str, Rows]:
        self._reads(keys)
        return super().read_latest(keys)

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self._before(key)
        super().write_table(key, rows, description=description, flow_run=flow_run)
        self._after(key)


def engine_with(store: Store) -> PrefectEngine:
    """Prefect, with another store."""
    engine = PrefectEngine()
    engine.store = store
    return engine


def form_text(asked: Parked) -> str:
    """What the UI shows above the form of a parked sub-flow."""
    keyset = asked.run.state.state_details.run_input_keyset  # type: ignore[union-attr]
    assert keyset is not None
    return str(read_flow_run_input(keyset["description"], flow_run_id=asked.run.id))


class CutoverRun:
    """One run of a flow that may park. `go_on()` starts it, and goes on each time that it was resumed: a worker."""

    def __init__(self, flow: Flow[Any, Any], plan: Cutover) -> None:
        self.flow, self.plan = flow, plan
        with get_client(sync_client=True) as client:
            flow_id = client.create_flow(flow)
            deployment = client.create_deployment(flow_id, name=f"cutover-{uuid4().hex[:8]}")
            run = client.create_flow_run_from_deployment(deployment, parameters={"plan": plan.model_dump(mode="json")})
        self.id: UUID = run.id

    def go_on(self) -> Any:
        """What the flow returned; None when it parked."""
        with contextlib.suppress(Pause):
            return run_flow(self.flow, flow_run=self.run, parameters={"plan": self.plan})
        return None

    @property
    def run(self) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(self.id)

    @property
    def state(self) -> str:
        return str(self.run.state_name)

    def parked(self, *states: StateType) -> Parked:
        """The one question of this cutover."""
        (question,) = [question for question in parked_runs(*states) if question.root.id == self.id]
        return question

    def crashed_sub_flow(self) -> UUID:
        (run,) = self.sub_flows()
        assert run.state_name == "Crashed"
        return run.id

    def sub_flows(self) -> Iterator[FlowRun]:
        for question in parked_runs(*StateType):
            if question.root.id == self.id:
                yield question.run
