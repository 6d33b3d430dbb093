"""Orders, where the customer has accepted no agreement; and a consent that opens Graph alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cutover_walk import Walk, settled, walking

from lab.cloud.login import EXCHANGE, GRAPH
from lab.cloud.partner_orders import BUSINESS_BASIC
from mailmove.errors import Blocked, NotYet
from mailmove.plan.load import plan_from
from tasks.execution.apply_and_undo import record_approval
from tasks.stages import onboard_customer, order_licences

pytestmark = pytest.mark.timeout(240)
SMALL: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}
PRODUCT = {"catalog_item": BUSINESS_BASIC, "quantity": 14, "term": "P1M", "billing": "monthly"}
AGREEMENT = "Microsoft Customer Agreement"


@pytest.fixture
def walk() -> Iterator[Walk]:
    with walking(**SMALL) as walk:
        target = {**walk.town.plan()["target"], "purchase": {"market": "GB", "products": [PRODUCT]}}
        walk.plan = plan_from({**walk.town.plan(), "target": target})
        yield walk


def asked_until(walk: Walk, words: str) -> None:
    """Ask whether the customer is on board until this is what is missing."""
    for _ in range(20):
        try:
            walk.do(onboard_customer.verify.fn, walk.plan)
        except NotYet as error:
            if words in str(error):
                return
        else:
            break
    pytest.fail(f"nobody asked for {words}")


def agreement(walk: Walk) -> Any:
    preview = walk.do(order_licences.check.fn, walk.plan)
    return next((finding for finding in preview.findings if finding.subject == AGREEMENT), None)


def test_an_order_waits_for_the_customers_agreement(walk: Walk) -> None:
    cloud = walk.town.cloud
    walk.town.faults.set("hostile.agreement_missing")
    before = agreement(walk)
    assert "not seen" in before.seen and not before.needs_action, "nobody may ask yet, which is no absence"
    walk.do(onboard_customer.apply.fn, walk.plan)
    cloud.customer_approves()
    cloud.customer_accepts_reseller()
    asked_until(walk, AGREEMENT)
    polled = walk.poll(onboard_customer.NAME)
    assert not polled.done and AGREEMENT in polled.summary and "https://" in polled.summary

    at_the_gate = agreement(walk)
    assert at_the_gate.seen == "not accepted" and at_the_gate.needs_action and "https://" in at_the_gate.todo
    preview = walk.do(order_licences.check.fn, walk.plan)
    digest = record_approval(walk.ledger, "spend_money", preview, by="anna", reason="")
    with pytest.raises(Blocked, match=AGREEMENT):
        walk.do(order_licences.apply.fn, walk.plan, digest)
    assert cloud.tenant.carts == {} and cloud.tenant.orders == []

    cloud.customer_accepts_agreement()
    settled(lambda: walk.do(onboard_customer.verify.fn, walk.plan))
    assert agreement(walk) is None
    walk.do(order_licences.apply.fn, walk.plan, digest)
    assert [line["offerId"] for order in cloud.tenant.orders for line in order["lineItems"]] == [BUSINESS_BASIC]


@pytest.mark.parametrize(("resource", "scopes"), [(GRAPH, {"Domain.ReadWrite.All"}), (EXCHANGE, {"Exchange.Manage"})])
def test_a_consent_for_one_of_two_applications_is_none(walk: Walk, resource: str, scopes: set[str]) -> None:
    cloud = walk.town.cloud
    walk.do(onboard_customer.apply.fn, walk.plan)
    cloud.customer_approves()
    cloud.customer_accepts_reseller()
    cloud.tenant.consents[cloud.partner.client_id] = {resource: scopes}  # of an earlier tool of the partner's
    asked_until(walk, "no token for both Graph and Exchange")
    assert cloud.tenant.consents[cloud.partner.client_id] == {resource: scopes}, "somebody else's consent is left"
    cloud.tenant.consents.clear()
    settled(lambda: walk.do(onboard_customer.verify.fn, walk.plan))
    assert set(cloud.tenant.consents[cloud.partner.client_id]) == {GRAPH, EXCHANGE}
