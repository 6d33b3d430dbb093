"""What a direct partner makes and orders: prices, carts, and that an order is placed once."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cloud_town import Town
from prefect.blocks.system import Secret

from blocks.partner.purchases import read_prices
from lab.cloud.login import EXCHANGE, GRAPH
from lab.cloud.partner_orders import BUSINESS_BASIC
from mailmove.errors import Blocked, Refused, Transient
from mailmove.plan.purchase import NewCustomer, Product, Purchase

MONTHLY = Product(catalog_item=BUSINESS_BASIC, quantity=14, term="P1M", billing="monthly")
NEW = NewCustomer(domain="fabrikam.onmicrosoft.com", company="Fabrikam", first_name="Eva", last_name="Berg",
                  email="eva@fabrikam.example", address="1 High Street", city="London", postal_code="EC1A 1AA",
                  country="GB")  # fmt: skip


def test_the_price_is_the_sheets_and_without_one_nothing_is_bought(town: Town) -> None:
    partner = town.partner()
    found = partner.prices(Purchase(market="GB", products=[MONTHLY]))[BUSINESS_BASIC]
    assert (found.unit_price, found.currency, found.title) == (Decimal("5.52"), "GBP", "Microsoft 365 Business Basic")
    three_years = MONTHLY.model_copy(update={"term": "P3Y"})
    with pytest.raises(Blocked, match=r"no price for .* P3Y monthly"):
        partner.prices(Purchase(market="GB", products=[three_years]))


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (["P,S,P1M,Monthly,5.00", "P,S,P1M,Monthly,6.00"], Blocked),
        (["P,S,P1M,Monthly,call us"], Transient),
    ],
)
def test_a_price_in_doubt_is_no_price(rows: list[str], error: type[Exception]) -> None:
    head = "ProductId,SkuId,TermDuration,BillingPlan,UnitPrice"
    wanted = Product(catalog_item="P:S:A", quantity=1, term="P1M", billing="monthly")
    with pytest.raises(error):
        read_prices([head, *rows], [wanted], datetime.now(UTC))


def test_a_cart_is_no_order_and_is_checked_out_once(town: Town) -> None:
    partner, customer = town.partner(), town.cloud.tenant_id
    assert not partner.resells(customer)
    town.cloud.customer_accepts_reseller()
    assert partner.resells(customer)
    cart = partner.fill_cart(customer, [MONTHLY], "Mailmove northwind")
    assert partner.cart_ordered(customer, cart) is False and partner.orders(customer) == []
    town.faults.set("partner.checkout_lost", times=1)
    partner.check_out(customer, cart)  # asked again by itself: the same cart is the same order
    partner.check_out(customer, cart)
    assert partner.cart_ordered(customer, cart) is True and partner.cart_ordered(customer, "lapsed") is None
    [order] = partner.orders(customer)
    assert (order.catalog_item, order.quantity, order.note) == (BUSINESS_BASIC, 14, "Mailmove northwind")
    with pytest.raises(Blocked, match="cannot be bought"):
        partner.fill_cart(customer, [MONTHLY.model_copy(update={"term": "P3Y"})], "x")


def test_a_tenant_is_made_once_and_its_password_is_kept_in_a_block(town: Town, prefect_server: None) -> None:
    partner = town.partner()
    assert partner.customer(NEW.domain) is None
    made = partner.make_customer(NEW)
    assert partner.make_customer(NEW) == made == partner.customer(NEW.domain)
    kept: Any = Secret.load("first-administrator-fabrikam")
    assert kept.get()["user"] == f"admin@{NEW.domain}" and kept.get()["password"]
    assert kept.get()["password"] not in repr(kept)
    with pytest.raises(Blocked, match="somebody has"):
        partner.customer(town.cloud.initial_domain)


def test_an_indirect_reseller_has_links_and_no_api(town: Town) -> None:
    link = "https://admin.microsoft.com/Adminportal/Home?invType=IndirectResellerRelationship"
    partner = town.partner(kind="indirect-reseller", reseller_url=link)
    assert partner.reseller_link() == link and partner.findings() == []
    with pytest.raises(Blocked, match="by hand"):
        partner.fill_cart(town.cloud.tenant_id, [MONTHLY], "x")
    found = partner.invite("Mailmove northwind")
    town.cloud.customer_approves()
    active = partner.relationship("Mailmove northwind")
    assert active is not None and active.id == found.id
    for _ in range(3):
        with pytest.raises(Exception, match=r"pending|adminconsent\?client_id") as caught:
            partner.give_access(active)
    link = f"/{town.cloud.tenant_id}/adminconsent?client_id={town.cloud.partner.client_id}"
    assert link in str(caught.value) and link in str(partner.waits_for(active))
    # The customer's administrator has opened it: what it consents to is what the application asks for.
    town.cloud.tenant.consents[town.cloud.partner.client_id] = {GRAPH: set(), EXCHANGE: {"Exchange.Manage"}}
    partner.give_access(active)
    assert partner.waits_for(active) is None and partner.missing_access(active) == {}


def test_who_may_not_read_prices_is_named(town: Town) -> None:
    from pydantic import SecretStr

    with pytest.raises(Refused):
        town.partner(refresh_token=SecretStr("wrong")).prices(Purchase(market="GB", products=[MONTHLY]))
