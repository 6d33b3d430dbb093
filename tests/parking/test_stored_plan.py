"""A cutover started from the form: its blocks come as ids, and no secret of theirs is ever kept."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from parked_world import new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow

from blocks.dns.rfc2136 import Rfc2136
from mailmove.plan.cutover import Cutover
from tasks.ledger.stored_plan import GONE, keep_names, notices_of, plan_of

pytestmark = pytest.mark.usefixtures("prefect_server")
SECRET = "cGxhbnRlZC1zZWNyZXQtb2YtdGhlLXpvbmU="


@flow
def keeps(plan: Cutover) -> str:
    keep_names(plan)
    return plan.dns.provider


def saved() -> tuple[str, dict[str, Any]]:
    """A block with a secret: (its name, what the form sends for it)."""
    name = f"zone-{uuid4().hex[:8]}"
    block = Rfc2136(server="192.0.2.1", key_name="k", key_secret=SECRET, zones=["contoso.com"])  # type: ignore[arg-type]
    return name, {"$ref": {"block_document_id": str(block.save(name))}}


def started(provider: dict[str, Any], **more: Any) -> FlowRun:
    plan = new_plan().model_dump(mode="json") | more
    plan["dns"]["provider"] = provider
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(keeps), name=f"form-{uuid4().hex[:8]}")
        return client.create_flow_run_from_deployment(deployment, parameters={"plan": plan})


def again(run: FlowRun) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run.id)


def test_a_chosen_block_is_kept_by_id_then_by_name_and_its_secret_never() -> None:
    name, chosen = saved()
    run = started(chosen)
    assert run.parameters["plan"]["dns"]["provider"] == chosen
    plan = plan_of(run.parameters)
    assert plan is not None and plan.dns.provider == f"rfc2136/{name}", "it can be read before it starts"
    assert run_flow(keeps, flow_run=run, parameters=run.parameters) == f"rfc2136/{name}"
    kept = again(run)
    assert kept.parameters == {"plan": plan.model_dump(mode="json")}
    assert SECRET not in kept.model_dump_json()
    run_flow(keeps, flow_run=started(f"rfc2136/{name}"), parameters=kept.parameters)  # type: ignore[arg-type]


def test_a_bad_plan_is_refused_with_every_fault_and_without_the_secret() -> None:
    _, chosen = saved()
    run = started(chosen, domains=["no name"], customer="Contoso Ltd")
    with pytest.raises(Exception, match="customer") as refused:
        run_flow(keeps, flow_run=run, parameters=run.parameters)
    assert "no name" in str(refused.value) and "is not a DNS name" in str(refused.value)
    with get_client(sync_client=True) as client:
        logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))
    words = str(refused.value) + again(run).model_dump_json() + "".join(line.message for line in logs)
    assert SECRET not in words


def test_a_block_that_was_deleted_stops_nobody_who_only_reads_the_plan() -> None:
    _, chosen = saved()
    run = started(chosen, notices={"to": [chosen]})
    with get_client(sync_client=True) as client:
        client.delete_block_document(chosen["$ref"]["block_document_id"])
    assert notices_of(run).to == [f"{GONE}/{chosen['$ref']['block_document_id']}"]
    plan = plan_of(run.parameters)
    assert plan is not None and plan.dns.provider.startswith(GONE)
