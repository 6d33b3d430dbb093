"""From the invitation to the order: what follows the customer's approval, and that money is spent once, with a word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from night_walk import FlowRunOpen, settled

from blocks.partner.partner_center import PartnerCenter
from lab.cloud.partner_orders import BUSINESS_BASIC, CATALOGUE
from lab.town import Town
from lab.town_blocks import save_blocks
from mailmove.errors import BadPlan, Drifted, NotYet
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from tasks.execution.apply_and_undo import approve
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.progress.rollback_stage import undo_stage
from tasks.stages import onboard_customer, order_licences

pytestmark = pytest.mark.timeout(240)
QUIET: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}
PURCHASE = {
    "market": "GB",
    "products": [{"catalog_item": BUSINESS_BASIC, "quantity": 14, "term": "P1M", "billing": "monthly"}],
}


class Killed(BaseException):
    """kill -9, as a test can play it."""


@dataclass
class Night:
    town: Town
    plan: Cutover
    run: FlowRunOpen

    def do(self, call: Any, *args: Any) -> Any:
        return self.run.do(call, *args)

    def check(self) -> Preview:
        preview: Preview = self.do(order_licences.check.fn, self.plan)
        return preview

    def approved(self) -> str:
        preview = self.check()
        return str(self.do(lambda: approve(self.plan, "spend_money", preview, by="anna", reason="")))

    def order(self, digest: str | None) -> Any:
        return self.do(order_licences.apply.fn, self.plan, digest)

    @property
    def ordered(self) -> list[str]:
        return [line["offerId"] for order in self.town.cloud.tenant.orders for line in order["lineItems"]]


def plan_of(town: Town, **target: Any) -> Cutover:
    plan = town.plan()
    return plan_from({**plan, "target": {**plan["target"], **target}})


@pytest.fixture(scope="module")
def night(prefect_server: None) -> Iterator[Night]:
    with Town(**QUIET, approve_after=None) as town, FlowRunOpen() as run:
        save_blocks(town)
        yield Night(town, plan_of(town, purchase=PURCHASE), run)


def test_after_the_approval_the_group_gets_its_roles_and_the_application_its_consent(night: Night) -> None:
    cloud, plan = night.town.cloud, night.plan
    assert [one.after["total"] for one in night.check().changes] == ["77.28 GBP for each billing period, before tax"]
    night.do(onboard_customer.apply.fn, plan)
    with pytest.raises(NotYet, match="granularAdminRelationships"):
        night.do(onboard_customer.verify.fn, plan)
    cloud.customer_approves()
    with pytest.raises(NotYet, match="ResellerRelationship"):
        settled_but_reseller(night)
    assert list(cloud.tenant.consents) == [cloud.partner.client_id]
    look = night.do(asyncio.run, onboard_customer.look_on(plan, Ledger(plan.customer, night.do(this_cutover)), None))
    assert (look.done, "reseller" in look.summary) == (False, True)
    cloud.customer_accepts_reseller()
    facts = settled(lambda: night.do(onboard_customer.verify.fn, plan)).facts
    assert any("consent to our application" in fact for fact in facts)
    assert any("roles of 'Mailmove northwind'" in fact for fact in facts)


def settled_but_reseller(night: Night) -> None:
    """Ask until nothing else is missing."""
    while True:
        try:
            night.do(onboard_customer.verify.fn, night.plan)
        except NotYet as error:
            if "ResellerRelationship" in str(error):
                raise
        else:
            return


def test_nothing_is_ordered_without_a_word_or_for_another_price(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    [shown] = night.check().changes
    assert (shown.after["quantity"], shown.after["term"], shown.after["billing"]) == (14, "P1M", "monthly")
    assert shown.after["price"].startswith("5.52 GBP") and shown.after["product"] == "Microsoft 365 Business Basic"
    with pytest.raises(Drifted, match="nobody has approved"):
        night.order(None)
    digest = night.approved()
    with monkeypatch.context() as dearer:
        dearer.setitem(CATALOGUE, BUSINESS_BASIC, ("Microsoft 365 Business Basic", {"P1M monthly": "9.99"}))
        with pytest.raises(Drifted, match="what was approved"):
            night.order(digest)
    assert night.ordered == [] and night.town.cloud.tenant.carts == {}


def test_a_try_killed_anywhere_orders_once(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, carts = night.approved(), night.town.cloud.tenant.carts
    fill, pay = PartnerCenter.fill_cart, PartnerCenter.check_out

    def killed_after(act: Any) -> Any:
        def dying(*args: Any) -> None:
            act(*args)
            raise Killed

        return dying

    with monkeypatch.context() as patched:  # the cart is made, and not written down
        patched.setattr(PartnerCenter, "fill_cart", killed_after(fill))
        with pytest.raises(Killed):
            night.order(digest)
    with monkeypatch.context() as patched:  # it is written down, and not checked out
        patched.setattr(PartnerCenter, "check_out", killed_after(lambda *_: None))
        with pytest.raises(Killed):
            night.order(digest)
    assert (len(carts), night.ordered) == (2, [])
    with monkeypatch.context() as patched:  # it is ordered, and nobody has heard of it
        patched.setattr(PartnerCenter, "check_out", killed_after(pay))
        with pytest.raises(Killed):
            night.order(digest)
    night.town.faults.set("partner.orders_late", times=8)  # nor is it listed
    receipt = night.order(digest)
    assert (len(carts), night.ordered) == (2, [BUSINESS_BASIC]), "an order is looked up by its cart"
    assert [one.what for one in receipt.changes] == [f"Order {BUSINESS_BASIC}"]
    with pytest.raises(NotYet, match="15 minutes late"):
        night.do(order_licences.verify.fn, night.plan)
    night.town.faults.clear("partner.orders_late")
    assert night.do(order_licences.verify.fn, night.plan).facts[0].endswith(f"14 of {BUSINESS_BASIC}")
    assert night.check().changes == []
    with FlowRunOpen() as another:  # a new cutover of the same customer
        assert another.do(order_licences.check.fn, night.plan).changes == []


def test_what_was_ordered_stays_and_is_named(night: Night) -> None:
    root = night.do(this_cutover)
    undone = night.do(undo_stage, night.plan, "order_licences", root)
    assert undone.remains == [
        f"Order {BUSINESS_BASIC}: 14 stay ordered; Partner Center lets you cancel within seven days"
    ]
    assert night.ordered == [BUSINESS_BASIC]
    night.do(undo_stage, night.plan, "onboard_customer", root)
    assert night.town.cloud.tenant.consents == {}
    assert list(night.town.cloud.picture()["relationships"].values()) == ["terminated"]


def test_a_plan_that_spends_without_a_gate_or_a_partner_is_refused(night: Night) -> None:
    with pytest.raises(BadPlan, match="spend_money"):
        plan_from({**night.town.plan(), "gates": {"spend_money": {"required": False}}})
    with pytest.raises(BadPlan, match="takes a `partner`"):
        plan_of(night.town, partner=None, purchase=PURCHASE)
    twice = {**PURCHASE, "products": [*PURCHASE["products"], *PURCHASE["products"]]}  # type: ignore[misc]
    with pytest.raises(BadPlan, match="named twice"):
        plan_of(night.town, purchase=twice)
