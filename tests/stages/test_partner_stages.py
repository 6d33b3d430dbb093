"""From the invitation to the order: what follows the customer's approval, and that money is spent once, with a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cutover_walk import Walk, settled, walking
from engine_taps import Killed, killed_after_writing, killed_before_writing
from wire_tap import tapped

from lab.cloud.partner_orders import BUSINESS_BASIC, CATALOGUE
from lab.town import Town
from mailmove.changes import ChangeKind
from mailmove.errors import BadPlan, Drifted, NotYet
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from tasks.engine.current import engine
from tasks.execution.apply_and_undo import record_approval
from tasks.progress.rollback_stage import roll_back_stage
from tasks.runbook import stage_named
from tasks.stages import onboard_customer, order_licences

pytestmark = pytest.mark.timeout(240)
QUIET: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}
PURCHASE = {
    "market": "GB",
    "products": [{"catalog_item": BUSINESS_BASIC, "quantity": 14, "term": "P1M", "billing": "monthly"}],
}


class Customer:
    """A walk with a plan that has something bought."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.town, self.plan, self.do = walk, walk.town, walk.plan, walk.do

    def check(self) -> Preview:
        preview: Preview = self.do(order_licences.check.fn, self.plan)
        return preview

    def approved(self) -> str:
        preview = self.check()
        return record_approval(self.walk.ledger, "spend_money", preview, by="anna", reason="")

    def order(self, digest: str | None) -> Any:
        return self.do(order_licences.apply.fn, self.plan, digest)

    @property
    def ordered(self) -> list[str]:
        return [line["offerId"] for order in self.town.cloud.tenant.orders for line in order["lineItems"]]


def plan_of(town: Town, **target: Any) -> Cutover:
    plan = town.plan()
    return plan_from({**plan, "target": {**plan["target"], **target}})


@pytest.fixture(scope="module")
def customer() -> Iterator[Customer]:
    with walking(**QUIET) as walk:
        walk.plan = plan_of(walk.town, purchase=PURCHASE)
        yield Customer(walk)


def test_after_the_approval_the_group_gets_its_roles_and_the_application_its_consent(customer: Customer) -> None:
    cloud, plan = customer.town.cloud, customer.plan
    assert [one.after["total"] for one in customer.check().changes] == ["77.28 GBP for each billing period, before tax"]
    customer.do(onboard_customer.apply.fn, plan)
    with pytest.raises(NotYet, match="granularAdminRelationships"):
        customer.do(onboard_customer.verify.fn, plan)
    cloud.customer_approves()
    with pytest.raises(NotYet, match="ResellerRelationship"):
        settled_but_reseller(customer)
    assert list(cloud.tenant.consents) == [cloud.partner.client_id]
    result = customer.walk.poll(onboard_customer.NAME)
    assert (result.done, "reseller" in result.summary) == (False, True)
    cloud.customer_accepts_reseller()
    facts = settled(lambda: customer.do(onboard_customer.verify.fn, plan)).facts
    assert any("consent to our application" in fact for fact in facts)
    assert any("roles of 'Mailmove northwind'" in fact for fact in facts)


def settled_but_reseller(customer: Customer) -> None:
    """Ask until nothing else is missing."""
    while True:
        try:
            customer.do(onboard_customer.verify.fn, customer.plan)
        except NotYet as error:
            if "ResellerRelationship" in str(error):
                raise
        else:
            return


def test_nothing_is_ordered_without_a_word_or_for_another_price(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    [shown] = customer.check().changes
    assert (shown.after["quantity"], shown.after["term"], shown.after["billing"]) == (14, "P1M", "monthly")
    assert shown.after["price"].startswith("5.52 GBP") and shown.after["product"] == "Microsoft 365 Business Basic"
    with pytest.raises(Drifted, match="nobody has approved"):
        customer.order(None)
    digest = customer.approved()
    with monkeypatch.context() as dearer:
        dearer.setitem(CATALOGUE, BUSINESS_BASIC, ("Microsoft 365 Business Basic", {"P1M monthly": "9.99"}))
        with pytest.raises(Drifted, match="what was approved"):
            customer.order(digest)
    assert customer.ordered == [] and customer.town.cloud.tenant.carts == {}


def test_a_try_killed_anywhere_orders_once(customer: Customer) -> None:
    digest, carts = customer.approved(), customer.town.cloud.tenant.carts
    with killed_before_writing("evidence", "cart"), pytest.raises(Killed):  # the cart is made
        customer.order(digest)
    with killed_after_writing("evidence", "cart"), pytest.raises(Killed):  # it is not checked out
        customer.order(digest)
    assert (len(carts), customer.ordered) == (2, [])
    with killed_before_writing("receipt", "stage"), pytest.raises(Killed):  # it is ordered, and nothing says so
        customer.order(digest)
    customer.town.faults.set("partner.orders_late", times=8)  # nor is it listed
    receipt = customer.order(digest)
    assert (len(carts), customer.ordered) == (2, [BUSINESS_BASIC]), "an order is looked up by its cart"
    assert [change.words for change in receipt.changes] == [f"Order {BUSINESS_BASIC}"]
    with pytest.raises(NotYet, match="15 minutes late"):
        customer.do(order_licences.verify.fn, customer.plan)
    customer.town.faults.clear("partner.orders_late")
    assert customer.do(order_licences.verify.fn, customer.plan).facts[0].endswith(f"14 of {BUSINESS_BASIC}")
    assert customer.check().changes == []
    with customer.walk.another_run():  # a new cutover of the same customer
        assert customer.check().changes == []


def test_what_was_ordered_stays_and_is_named(customer: Customer) -> None:
    undone = customer.do(roll_back_stage, customer.plan, "order_licences", customer.walk.root)
    assert undone.remains == [
        f"Order {BUSINESS_BASIC}: 14 stay ordered; Partner Center lets you cancel within seven days"
    ]
    assert customer.ordered == [BUSINESS_BASIC]
    customer.do(roll_back_stage, customer.plan, "onboard_customer", customer.walk.root)
    assert customer.town.cloud.tenant.consents == {}
    assert list(customer.town.cloud.picture()["relationships"].values()) == ["terminated"]


def test_a_plan_that_spends_without_a_gate_or_a_partner_is_refused(customer: Customer) -> None:
    with pytest.raises(BadPlan, match="spend_money"):
        plan_from({**customer.town.plan(), "gates": {"spend_money": {"required": False}}})
    with pytest.raises(BadPlan, match="takes a `partner`"):
        plan_of(customer.town, partner=None, purchase=PURCHASE)
    twice = {**PURCHASE, "products": [*PURCHASE["products"], *PURCHASE["products"]]}  # type: ignore[misc]
    with pytest.raises(BadPlan, match="named twice"):
        plan_of(customer.town, purchase=twice)


def test_a_consent_that_was_never_given_is_not_asked_back() -> None:
    """The customer has approved, and the rollback comes before our group has its roles: asking back would be 403."""
    with walking(**QUIET) as walk:
        walk.do(onboard_customer.apply.fn, walk.plan)
        walk.town.cloud.customer_approves()
        with tapped() as heard:
            undone = walk.until(roll_back_stage, walk.plan, onboard_customer.NAME, walk.root)
        assert not [call for call in heard if "applicationconsents" in call], heard
        assert [change.kind for change in undone.changes] == [ChangeKind.RELATIONSHIP]
        assert list(walk.town.cloud.picture()["relationships"].values()) == ["terminated"]


def test_a_relationship_that_was_there_before_is_not_ended_and_what_stays_of_ours_is_named() -> None:
    with walking(**QUIET) as walk:
        walk.do(onboard_customer.apply.fn, walk.plan)
        with walk.another_run():  # a later cutover, under the relationship that stands by now
            walk.do(onboard_customer.apply.fn, walk.plan)
            walk.agree(stage_named(onboard_customer.NAME))
            later = engine().root_run()
            assert list(walk.town.cloud.tenant.consents) == [walk.town.cloud.partner.client_id]
            undone = walk.until(roll_back_stage, walk.plan, onboard_customer.NAME, later)
        assert walk.town.cloud.tenant.consents == {}
        assert list(walk.town.cloud.picture()["relationships"].values()) == ["active"]
        assert any("roles of" in line and "Partner Center" in line for line in undone.remains), undone.remains
