"""Partner Center's carts, orders and price sheet, as its developer pages describe them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from lab.cloud.errors import ApiError
from lab.cloud.login import PRICES, Login
from lab.cloud.partner_agreements import PartnerAgreements
from lab.cloud.tenant import Tenant, utc
from lab.cloud.wire import Call, Reply, Routes
from lab.faults import Faults, declare

declare(
    partner_orders_late="an order just placed is not listed yet (a quarter of an hour in life)",
    partner_cart_lost="Partner Center makes the cart, then answers 504",
    partner_checkout_lost="Partner Center places the order, then answers 504",
)

BUSINESS_BASIC = "CFQ7TTC0LH18:0001:CFQ7TTC0K971"
CATALOGUE = {
    BUSINESS_BASIC: (
        "Microsoft 365 Business Basic",
        {"P1M monthly": "5.52", "P1Y monthly": "4.60", "P1Y annual": "55.20"},
    ),
    "CFQ7TTC0LDPB:0001:CFQ7TTC0KQQ1": ("Microsoft 365 Business Standard", {"P1Y monthly": "9.60"}),
    "CFQ7TTC0LH18:0002:CFQ7TTC0K972": ("Microsoft 365 Business Basic (trial)", {"P1M none": "0.00"}),
}
"""catalog item -> title, and price by term and billing."""


class PartnerOrders:
    """One customer's carts and orders. They last; nothing here costs anything."""

    def __init__(self, tenant: Tenant, login: Login, faults: Faults) -> None:
        self.tenant, self.login, self.faults = tenant, login, faults
        self.agreements = PartnerAgreements(tenant, faults)

    def add_routes(self, routes: Routes) -> None:
        self.agreements.add_routes(routes)
        routes.add("GET", "/customers/{key}/orders", self._orders)
        routes.add("POST", "/customers/{key}/carts", self._fill)
        routes.add("GET", "/customers/{key}/carts/{cart}", self._cart)
        routes.add("POST", "/customers/{key}/carts/{cart}/checkout", self._check_out)

    def _ours(self, key: str) -> None:
        if key.lower() != self.tenant.id or not self.tenant.resold:
            raise ApiError(404, "600001", "The customer was not found among those of this partner.")

    def _orders(self, call: Call, key: str) -> Reply:
        self._ours(key)
        rows = list(self.tenant.orders)
        if rows and self.faults.take("partner.orders_late"):
            rows.pop()
        return Reply(200, {"totalCount": len(rows), "items": rows})

    def _fill(self, call: Call, key: str) -> Reply:
        self._ours(key)
        lines = [dict(line) for line in (call.body or {}).get("lineItems") or []]
        if not lines:
            raise ApiError(400, "800002", "The cart has no line items.")
        for line in lines:
            known = CATALOGUE.get(str(line.get("catalogItemId")))
            if known is None or f"{line.get('termDuration')} {line.get('billingCycle')}" not in known[1]:
                line["error"] = {
                    "errorCode": "CatalogItemNotEligibleForPurchase",
                    "errorDescription": f"{line.get('catalogItemId')} cannot be bought so.",
                }
        now = datetime.now(UTC)
        cart = {"id": str(uuid4()), "creationTimestamp": utc(now), "expirationTimestamp": utc(now + timedelta(days=7)),
                "status": "Active", "lineItems": lines}  # fmt: skip
        with self.tenant.lock:
            self.tenant.carts[str(cart["id"])] = cart
        if self.faults.take("partner.cart_lost"):
            raise ApiError(504, "504", "The gateway did not receive a response in time.")
        return Reply(201, cart)

    def _find(self, cart: str) -> dict[str, Any]:
        stored = self.tenant.carts.get(cart)
        if stored is None:
            raise ApiError(404, "800001", "The cart was not found.")
        return stored

    def _cart(self, call: Call, key: str, cart: str) -> Reply:
        self._ours(key)
        return Reply(200, self._find(cart))

    def _check_out(self, call: Call, key: str, cart: str) -> Reply:
        """Idempotent: a cart that was checked out before gives the same answer."""
        self._ours(key)
        self.agreements.must_be_accepted()
        with self.tenant.lock:
            stored = self._find(cart)
            if stored["status"] == "Active":
                if any("error" in line for line in stored["lineItems"]):
                    raise ApiError(400, "800003", "The cart has line items in error.")
                stored["status"], stored["order"] = "Ordered", self._order(stored)
                self.tenant.orders.append(stored["order"])
        if self.faults.take("partner.checkout_lost"):
            raise ApiError(504, "504", "The gateway did not receive a response in time.")
        return Reply(201, {"orders": [stored["order"]], "orderErrors": [],
                            "attributes": {"objectType": "CartCheckoutResult"}})  # fmt: skip

    def _order(self, cart: dict[str, Any]) -> dict[str, Any]:
        lines = [
            {
                "lineItemNumber": number,
                "offerId": line["catalogItemId"],
                "subscriptionId": str(uuid4()),
                "friendlyName": line.get("friendlyName"),
                "quantity": line["quantity"],
                "termDuration": line["termDuration"],
            }
            for number, line in enumerate(cart["lineItems"])
        ]
        return {
            "id": uuid4().hex[:12],
            "referenceCustomerId": self.tenant.id,
            "creationDate": utc(),
            "status": "completed",
            "transactionType": "UserPurchase",
            "lineItems": lines,
        }

    def price_sheet(self, call: Call) -> Reply:
        """`/v1.0/sales/pricesheets(Market='GB',PricesheetView='updatedlicensebased')/$value`: a CSV."""
        claims = self.login.admit(call.headers.get("authorization", ""), PRICES)
        if "scp" not in claims or claims["tid"] != self.login.partner.tenant_id:
            raise ApiError(403, "403", "App+User tokens of the partner's tenant only.")
        if call.segments[:2] != ["v1.0", "sales"] or "updatedlicensebased" not in call.path:
            raise ApiError(404, "404", "No such price sheet.")
        market = call.segments[2].partition("Market='")[2][:2]
        heads = ("ProductTitle,ProductId,SkuId,SkuTitle,Publisher,TermDuration,BillingPlan,Market,Currency,"
                 "UnitPrice,PricingTierRangeMin,PricingTierRangeMax,EffectiveStartDate,EffectiveEndDate,Tags,ERP Price,"
                 "Segment")  # fmt: skip
        rows = [heads]
        for item, (title, prices) in CATALOGUE.items():
            product, sku, _ = item.split(":")
            for terms, price in prices.items():
                term, billing = terms.split()
                for start, end, amount in (("2020-01-01", "2021-01-01", "1.00"), ("2021-01-02", "9999-12-31", price)):
                    rows.append(f'{title},{product},{sku},"{title}",Microsoft,{term},{billing.title()},{market},GBP,{amount},,,'
                                f"{start}T00:00:00Z,{end}T00:00:00Z,,{amount},Commercial")  # fmt: skip
        return Reply(200, "\ufeff" + "\r\n".join(rows), {"Content-Type": "text/csv; charset=utf-8"})
