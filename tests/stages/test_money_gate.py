"""The gate before an order, in a real flow: it shows what and how much, and is asked only where there is something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from test_dns_by_hand import begin, go_on
from test_partner_stages import PURCHASE, QUIET, plan_of

from flows.cutover import _until_done
from lab.cloud.partner_orders import BUSINESS_BASIC
from lab.town import Town
from lab.town_blocks import save_blocks
from mailmove.plan.cutover import Cutover
from tasks.execution.context import Context
from tasks.ledger.ledger import Ledger, own_ledger
from tasks.ledger.payloads import Approval
from tasks.parking.resume import parked_runs, resume
from tasks.progress.interruptions import interruptions
from tasks.runbook import stage_named

pytestmark = pytest.mark.timeout(240)


@flow(persist_result=True, result_serializer="json")
def buy(plan: Cutover) -> str:
    stage = stage_named("order_licences")
    _until_done(plan, stage, interruptions(own_ledger(plan).entries())[stage.name])
    return "done"


@pytest.fixture
def town(nothing_parked: None) -> Iterator[Town]:
    with Town(**QUIET, approve_after=None) as town:
        save_blocks(town)
        yield town


def test_money_is_spent_with_a_persons_word_only(town: Town) -> None:
    plan = plan_of(town, purchase=PURCHASE)
    side = Context(plan, "onboard_customer").partner
    assert side is not None
    side.invite(f"Mailmove {plan.customer}")
    town.cloud.customer_approves()
    town.cloud.customer_accepts_reseller()

    first = begin(buy, plan=plan.model_dump(mode="json"))
    root = first.state_details.flow_run_id
    assert first.is_paused() and root
    (one,) = parked_runs()
    with get_client(sync_client=True) as client:
        keyset = one.run.state.state_details.run_input_keyset  # type: ignore[union-attr]
        text = client.read_flow_run_input(one.run.id, keyset["description"])  # type: ignore[index]
    assert one.title == "spend_money" and one.question.startswith("northwind: Order this, at this price")
    for words in ("Microsoft 365 Business Basic", '"quantity": 14', "P1M", "monthly", "5.52 GBP", "77.28 GBP"):
        assert words in text.replace("\\", "")  # it is kept as JSON
    assert town.cloud.tenant.orders == [] and town.cloud.tenant.carts == {}

    resume(one, {"approve": False, "name": "ben", "reason": "too dear"})
    assert go_on(buy, root).is_paused() and town.cloud.tenant.orders == []
    (again,) = parked_runs()
    resume(again, {"approve": True, "name": "anna"})
    assert go_on(buy, root).result() == "done"
    [order] = town.cloud.tenant.orders
    assert [(line["offerId"], line["quantity"]) for line in order["lineItems"]] == [(BUSINESS_BASIC, 14)]
    [(entry, approval)] = Ledger(plan.customer, root).payloads(Approval, "spend_money")
    assert (approval.by, approval.proof) == ("anna", "")
    assert [change.after["quantity"] for change in entry.changes] == [14]


def test_nobody_is_asked_where_nothing_is_bought(town: Town) -> None:
    assert begin(buy, plan=plan_of(town).model_dump(mode="json")).is_completed()
    assert parked_runs() == [] and town.cloud.tenant.orders == []
