"""Drives a cutover in the lab as people drive a real one: starts the deployment, answers gates, mends printers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from lab.mail.accountant import Account
from lab.town import Town
from lab.town_blocks import save_blocks
from mailmove.plan.load import plan_from
from tasks.parking.forms import GATE_FLOW, TROUBLE_FLOW
from tasks.parking.poll import last_result
from tasks.parking.resume import Parked, parked_runs, resume

OPERATOR = "rehearsal operator"
_THINKS = 1.0
"""Seconds that the operator reads a question before answering."""


@dataclass
class Rehearsal:
    """`start()`, then `step()` until it gives True, then `account()`.

    hands_on: gates are left to the person at the UI. `troubles` collects what held the night up; unattended, the
    first one ends the rehearsal, because nobody is there to mend it.
    """

    town: Town
    hands_on: bool = False
    cutover: UUID | None = None
    ended_well: bool = False
    troubles: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    _read: dict[tuple[UUID, str], float] = field(default_factory=dict)

    def start(self) -> UUID:
        """Save the town's blocks and start the cutover as the UI would."""
        save_blocks(self.town)
        plan = plan_from(self.town.plan())
        run = cast(
            FlowRun,
            run_deployment(
                "cutover/cutover", parameters={"plan": plan.model_dump(mode="json")}, timeout=0, as_subflow=False
            ),
        )
        self.cutover = run.id
        return run.id

    def step(self) -> bool:
        """Poll the open questions once and answer what the operator can answer. True: the cutover is over."""
        assert self.cutover is not None, "start() comes first"
        self.attend(parked_runs())
        if self.troubles and not self.hands_on:
            return True
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self.cutover).state
        self.ended_well = state is not None and state.is_completed()
        return state is not None and state.is_final()

    def attend(self, parked: Iterable[Parked]) -> None:
        """Answer what the operator can answer; questions of other customers are left alone."""
        for question in parked:
            if question.root.id == self.cutover:
                self._attend(question)

    def account(self, patience: float = 60.0) -> Account:
        """Let the senders finish (seconds), then count everything, independently of the product."""
        self.town.senders.pause()
        self.town.senders.drain(patience)
        return self.town.account()

    def _attend(self, parked: Parked) -> None:
        question = (parked.run.id, parked.key)
        first_seen = self._read.setdefault(question, time.monotonic())
        if parked.flow == TROUBLE_FLOW and parked.name == "finish_batch" and self.town.mend_groups():
            resume(parked, {"name": OPERATOR, "reason": "the members that were missing are added by hand"})
            self.answered.append(parked.name)
        elif parked.flow == TROUBLE_FLOW:
            self.troubles.append(parked.question)
        elif parked.name in ("quiet", "quiet_inside"):
            self._mend_printers(parked)
        elif parked.flow == GATE_FLOW and not self.hands_on and time.monotonic() - first_seen > _THINKS:
            resume(parked, {"approve": True, "name": OPERATOR, "reason": "rehearsal"})
            self.answered.append(parked.name)

    def _mend_printers(self, parked: Parked) -> None:
        result = last_result(parked.run.id)
        if result and result.details:  # it names who still delivers to the old server
            self.town.senders.route_printers_by_mx()
