"""Limits of concurrency: held while a task runs and no longer, and never a deadlock. Killed ones: tests/night."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator

import pytest
from parked_world import CutoverRun, PlayedStage, new_plan
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

from flows.gate import gate
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_internals import keyed_by
from tasks.engine.prefect_slots import forget_limits
from tasks.execution.concurrency_limits import limits_of, within_limits
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task
from tasks.parking.forms import GATE_FLOW, PARKED
from tasks.parking.resume import resume
from tasks.runbook import STAGES, step_replaced

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def plan() -> Cutover:
    """Of a DNS block and a tenant that no other test limits."""
    made = new_plan()
    dns = made.dns.model_copy(update={"provider": f"route53/{made.customer}"})
    target = made.target.model_copy(update={"tenant": f"microsoft365/{made.customer}"})
    return made.model_copy(update={"dns": dns, "target": target})


@pytest.fixture
def limit(plan: Cutover) -> Iterator[str]:
    """One at a time at the customer's DNS."""
    name = f"mailmove.route53.{plan.customer}"
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
        forget_limits()
        yield name
        client.delete_global_concurrency_limit_by_name(name)


def held(name: str) -> int:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(name).active_slots


def test_every_stage_says_whom_it_talks_to(plan: Cutover) -> None:
    assert {"source", "dns", "tenant", "partner", "firewall"} == {part for stage in STAGES for part in stage.uses}
    assert all(stage.uses for stage in STAGES)
    assert limits_of(plan, "switch_mail") == [
        "mailmove.route53",
        f"mailmove.route53.{plan.customer}",
        "mailmove.microsoft365",
        f"mailmove.microsoft365.{plan.customer}",
    ]
    assert limits_of(plan, "onboard_customer") == [], "a plan without a partner"
    assert limits_of(plan, "rights") == []


def test_a_slot_is_held_inside_and_given_back_whatever_happens(plan: Cutover, limit: str) -> None:
    with within_limits(plan, "lower_ttl"):
        assert held(limit) == 1
    assert held(limit) == 0
    with pytest.raises(ZeroDivisionError), within_limits(plan, "lower_ttl"):
        raise ZeroDivisionError
    assert held(limit) == 0
    with within_limits(plan, "license_mailboxes"):
        assert held(limit) == 0, "that stage does not talk to DNS"


def test_two_that_want_the_same_two_slots_wait_for_each_other_in_turn(plan: Cutover, limit: str) -> None:
    other = f"mailmove.microsoft365.{plan.customer}"
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=other, limit=1))
    inside, most = [0], [0]

    def work() -> None:
        for stage in ("switch_mail", "verify_domain"):
            with within_limits(plan, stage):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.05)
                inside[0] -= 1

    workers = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(90)
    assert not any(worker.is_alive() for worker in workers), "they wait for each other"
    assert most == [1]


LIMIT: list[str] = []
HELD: list[int] = []


@check_task
def check(context: Context) -> Preview:
    HELD.append(held(LIMIT[0]))
    return Preview(stage="x")


PLAYED = PlayedStage(__name__.rpartition(".")[2], "a stage that talks to DNS", uses=("dns",), verbs={"check": check})


@flow(persist_result=True, result_serializer="json")
def cutover_with_a_limit(plan: Cutover) -> str:
    PLAYED.check(plan)
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", Preview(stage="switch_mail"))


def test_a_task_takes_its_slot_and_a_parked_cutover_holds_none(plan: Cutover, limit: str) -> None:
    LIMIT[:], HELD[:] = [limit], []
    with step_replaced(PLAYED):
        run = CutoverRun(cutover_with_a_limit, plan)
        assert run.go_on() is None
        assert (run.state, HELD, held(limit)) == ("Suspended", [1], 0)
        resume(run.parked(), {"approve": True, "name": "anna", "reason": ""})
        assert run.go_on() is not None
