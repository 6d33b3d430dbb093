"""Every state of a relationship, an assignment, an order and a cart has a way on: nothing is waited for in vain."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import httpx
import pytest
from fake_blocks import a_plan, source, tenant
from memory_engine import MemoryEngine
from test_json_client import client

from blocks.partner.access import Assignments
from blocks.partner.relationships import Relationships
from mailmove.errors import Blocked, NotYet
from mailmove.plan.purchase import Order
from mailmove.ports import Partner
from mailmove.tenant_state import Relationship
from mailmove.tenant_states import ORDERS, RELATIONSHIPS, Step
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.stages import onboard_customer, order_licences

PARTNER = "partner-center/msp"
UNHEARD = "suspended"


def relationship(status: str) -> Relationship:
    return Relationship(
        id="g", display_name="Mailmove contoso", status=status, approval_link="https://x", customer_tenant_id="t"
    )


def context_of(stage: str, side: Any, **target: Any) -> Context:
    return Context(a_plan(target={"partner": PARTNER, **target}), stage)


@pytest.mark.parametrize("status", [*RELATIONSHIPS.known, UNHEARD])
def test_the_approval_comes_is_waited_for_or_is_asked_about(status: str) -> None:
    step, known = RELATIONSHIPS.step(status), relationship(status)
    side = Mock(spec=Partner)
    side.relationship.return_value = None if step is Step.GONE else known
    side.ended_relationship.return_value = known if step is Step.GONE else None
    side.missing_access.return_value, side.waits_for.return_value = {}, None
    side.reseller_link.return_value = "https://y"
    with running_on(MemoryEngine({**source(), **tenant(), PARTNER: side}, root=uuid4())):
        context = context_of(onboard_customer.NAME, side)
        polled = onboard_customer._poll(context)
        if step is Step.DONE:
            assert polled.done
            onboard_customer.verify.fn(context)
        elif step is Step.WAIT:
            assert not polled.done
            with pytest.raises(NotYet):
                onboard_customer.verify.fn(context)
        else:
            assert polled.done, "`verify` asks"
            with pytest.raises(Blocked, match=status):
                onboard_customer.verify.fn(context)


@pytest.mark.parametrize("status", [*ORDERS.known, "onHold"])
def test_an_order_is_there_waited_for_or_asked_about(status: str) -> None:
    products = [{"catalog_item": "P:S:A", "quantity": 2, "term": "P1M", "billing": "monthly"}]
    side = Mock(spec=Partner)
    side.relationship.return_value = relationship("active")
    line = Order(order_id="o", catalog_item="P:S:A", quantity=2, status=status, note="Mailmove contoso")
    side.orders.return_value = [] if ORDERS.step(status) is Step.GONE else [line]
    with running_on(MemoryEngine({**source(), **tenant(), PARTNER: side}, root=uuid4())):
        context = context_of(order_licences.NAME, side, purchase={"market": "GB", "products": products})
        if ORDERS.step(status) is Step.DONE:
            order_licences.verify.fn(context)
        else:
            kind = Blocked if ORDERS.step(status) is Step.ASK else NotYet
            with pytest.raises(kind):
                order_licences.verify.fn(context)


class Graph:
    """Answers from tables; keeps what was sent."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self.lists, self.sent = lists, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if request.method != "GET":
            self.sent.append(f"{request.method} {name}")
            return httpx.Response(201, json={"id": "new", "status": "created"})
        if name in self.lists:
            return httpx.Response(200, json={"value": self.lists[name]})
        rows = [row for row in self.lists["delegatedAdminRelationships"] if row["id"] == name]
        return httpx.Response(200, json=rows[0]) if rows else httpx.Response(404, json={"error": {"code": "NotFound"}})


def entry(status: str) -> dict[str, Any]:
    return {
        "id": "g", "displayName": "Mailmove c", "status": status, "createdDateTime": "2026-11-27T02:00:00Z",
        "@odata.etag": "e",
    }  # fmt: skip


def relationships(graph: Graph) -> Relationships:
    return Relationships(client(graph)[0], ["role"], "P90D", patience=1.0, sleep=lambda seconds: None)


def test_a_state_that_nobody_knows_invites_nobody_twice() -> None:
    graph = Graph(delegatedAdminRelationships=[entry(UNHEARD)])
    assert relationships(graph).invite("Mailmove c").status == UNHEARD
    assert graph.sent == []
    assert relationships(graph).ended("Mailmove c") is None


def test_one_that_is_over_is_shown_as_over() -> None:
    ended = relationships(Graph(delegatedAdminRelationships=[entry("terminated")])).ended("Mailmove c")
    assert ended is not None and ended.status == "terminated"


def test_a_lock_that_failed_is_told_at_once() -> None:
    request = {"id": "r", "action": "lockForApproval", "status": "failed", "createdDateTime": "2026-11-27T02:00:00Z"}
    graph = Graph(delegatedAdminRelationships=[entry("created")], requests=[request])
    with pytest.raises(Blocked, match="failed"):
        relationships(graph).invite("Mailmove c")


@pytest.mark.parametrize(
    ("status", "error", "sent"),
    [
        ("pending", NotYet, []),
        ("error", Blocked, []),
        (UNHEARD, Blocked, []),
        ("deleted", NotYet, ["POST accessAssignments"]),
    ],
)
def test_an_assignment_that_failed_is_not_made_again_and_again(
    status: str, error: type[Exception], sent: list[str]
) -> None:
    row = {"id": "a", "status": status, "accessContainer": {"accessContainerId": "group"}}
    graph = Graph(accessAssignments=[row])
    with pytest.raises(error):
        Assignments(client(graph)[0], ["role"]).assign("g", "group")
    assert graph.sent == sent
