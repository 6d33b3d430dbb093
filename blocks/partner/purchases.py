"""Orders of a direct partner, by cart and checkout (learn.microsoft.com partner-center/developer: create-a-cart,
checkout-a-cart, cart-resources, order-resources, get-a-price-sheet, create-a-customer).

Nothing here asks anybody: the stage that calls this does. A cart is no order, and lapses after seven days; checking the
same cart out twice gives the same order ("this API is idempotent").
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from io import StringIO
from urllib.parse import quote

from blocks.microsoft365.answers import Json, Rejected, damaged, moment
from blocks.microsoft365.fields import number, part, part_or, rows, rows_or, text, text_or
from blocks.microsoft365.http import JsonClient
from mailmove.clock import now
from mailmove.errors import Blocked, Drifted, NotYet
from mailmove.plan.purchase import NewCustomer, Order, Price, Product
from mailmove.tenant_states import ORDERS, Step

WHO, _SHEET = "Partner Center", "Partner Center's price sheet"

_COLUMNS = ("ProductId", "SkuId", "TermDuration", "BillingPlan", "UnitPrice")


class Customers:
    """Tenants that the partner resells to."""

    def __init__(self, http: JsonClient) -> None:
        self._http = http

    def find(self, domain: str) -> str | None:
        """Customer id, which is the tenant's id; None: not among our customers."""
        for customer in self._all():
            if text_or(part_or(customer, "companyProfile"), "domain").lower() == domain.lower():
                return text(customer, "id")
        return None

    def resells(self, customer: str) -> bool:
        """Has this customer accepted us as reseller?"""
        return any(text(entry, "id").lower() == customer.lower() for entry in self._all())

    def taken(self, domain: str) -> bool:
        """HEAD: 200 somebody has this first name, 404 nobody has."""
        try:
            self._http.call("HEAD", f"domains/{quote(domain, safe='')}", wanted=f"whether {domain} is free")
        except Rejected as error:
            if error.status == 404:  # an answer to HEAD has no body, so no code
                return False
            raise
        return True

    def make(self, wanted: NewCustomer) -> tuple[str, str, str]:
        """(tenant id, first administrator's name, their password). Blocked: the name is taken. Sent once."""
        address = {
            "firstName": wanted.first_name,
            "lastName": wanted.last_name,
            "addressLine1": wanted.address,
            "city": wanted.city,
            "state": wanted.state,
            "postalCode": wanted.postal_code,
            "country": wanted.country,
            "phoneNumber": wanted.phone,
        }
        body = {
            "companyProfile": {"domain": wanted.domain},
            "billingProfile": {
                "culture": wanted.culture,
                "language": wanted.culture.partition("-")[0],
                "email": wanted.email,
                "companyName": wanted.company,
                "firstName": wanted.first_name,
                "lastName": wanted.last_name,
                "defaultAddress": {name: value for name, value in address.items() if value},
            },
        }
        made = self._http.call(
            "POST",
            "customers",
            wanted=f"the tenant {wanted.domain}",
            json=body,
            headers={"MS-RequestId": str(uuid.uuid5(uuid.NAMESPACE_DNS, wanted.domain))},
        ).body
        credentials = part(made, "userCredentials")
        return text(made, "id"), text(credentials, "userName"), text(credentials, "password")

    def _all(self) -> Iterator[Json]:
        """By its own links: the place in the list travels in a header that the link names (MS-ContinuationToken)."""
        body, visited = self._http.get("customers", wanted="our customers", params={"size": "500"}), set()
        while True:
            yield from rows(body, "items")
            links = part_or(body, "links")
            if "next" not in links:
                return
            link = part(links, "next")
            headers = {text(header, "key"): text(header, "value") for header in rows_or(link, "headers")}
            uri = text(link, "uri")
            place = (uri, *headers.values())
            if place in visited:
                raise damaged(WHO, "our customers", "a link to a page already read")
            visited.add(place)
            path = uri.removeprefix("/v1/").lstrip("/")
            body = self._http.call("GET", path, wanted="more of our customers", headers=headers).body


class Orders:
    """What one customer has ordered through us."""

    def __init__(self, http: JsonClient) -> None:
        self._http = http

    def lines(self, customer: str) -> list[Order]:
        """Every line of every order that has not been cancelled. A new order shows up to 15 minutes late here."""
        body = self._http.get(f"{_customer(customer)}/orders", wanted="the customer's orders")
        return [
            Order(
                order_id=text(order, "id"),
                catalog_item=text(line, "offerId"),
                quantity=number(line, "quantity"),
                status=text(order, "status"),
                note=text_or(line, "friendlyName"),
            )
            for order in rows(body, "items")
            for line in rows(order, "lineItems")
            if ORDERS.step(text(order, "status")) is not Step.GONE
        ]

    def fill_cart(self, customer: str, products: Sequence[Product], note: str) -> str:
        """A new cart's id; each line bears the note, which its order line keeps. Blocked: a line cannot be ordered."""
        lines = [
            {
                "id": number,
                "catalogItemId": product.catalog_item,
                "friendlyName": note,
                "quantity": product.quantity,
                "termDuration": product.term,
                "billingCycle": product.billing,
            }
            for number, product in enumerate(products)
        ]
        cart = self._http.call("POST", f"{_customer(customer)}/carts", wanted="a cart", json={"lineItems": lines}).body
        errors = [part(line, "error") for line in rows(cart, "lineItems") if line.get("error") is not None]
        faults = [text_or(error, "errorDescription", "an error without a word") for error in errors]
        if faults:
            raise Blocked(
                WHO,
                wanted="a cart",
                seen="; ".join(faults),
                todo="Mend `purchase` in the plan; nothing was ordered.",
            )
        return text(cart, "id")

    def cart_status(self, customer: str, cart: str) -> str | None:
        """As Partner Center says it; None: it has lapsed, or never was."""
        try:
            entry = self._http.get(f"{_customer(customer)}/carts/{quote(cart, safe='')}", wanted="the cart")
        except Rejected as error:
            if error.status == 404:  # Partner Center's own codes for that are not published
                return None
            raise
        return text_or(entry, "status", "Active")

    def check_out(self, customer: str, cart: str) -> None:
        """Order what is in the cart; again is once. Blocked: a line was not ordered."""
        try:
            answer = self._http.call(
                "POST",
                f"{_customer(customer)}/carts/{quote(cart, safe='')}/checkout",
                wanted="the order",
                json={},
                repeatable=True,
            ).body
        except Drifted as error:
            raise NotYet(WHO, wanted="the order", seen=error.seen, todo="Look at it again in a minute.") from None
        faults = [text_or(fault, "description", "an error without a word") for fault in rows_or(answer, "orderErrors")]
        if faults:
            raise Blocked(
                WHO,
                wanted="the order",
                seen="; ".join(faults),
                todo="Look in Partner Center what was ordered, and mend the rest.",
            )


class PriceSheet:
    """The partner's prices in one market: a CSV of some megabytes, from another service than Partner Center's own."""

    def __init__(self, http: JsonClient) -> None:
        self._http = http

    def prices(self, market: str, products: Sequence[Product]) -> dict[str, Price]:
        """catalog item -> price. Blocked: a product has no price there with such term and billing."""
        view = f"v1.0/sales/pricesheets(Market='{market}',PricesheetView='updatedlicensebased')/$value"
        prices = self._http.text(
            view,
            wanted=f"the price sheet of {market}",
            read=lambda sheet: read_prices(StringIO(sheet, newline=""), products, now()),
        )
        lacking = [
            f"{product.catalog_item} {product.term} {product.billing}"
            for product in products
            if product.catalog_item not in prices
        ]
        if lacking:
            raise Blocked(
                _SHEET,
                wanted=f"what it costs in {market}",
                seen=f"no price for {', '.join(lacking)}",
                todo="Check product, SKU, term and billing against the price sheet; without a price nothing is bought.",
            )
        return prices


def read_prices(lines: Iterable[str], products: Sequence[Product], at: datetime) -> dict[str, Price]:
    """The rows of our products that hold at that time. Unverified: the columns' names, as third parties show them.

    lines: with their ends. Blocked: more than one price holds, as for several segments. AnswerUnreadable: a column is
    missing, or a row cannot be read.
    """
    wanted = {
        (*product.catalog_item.split(":")[:2], product.term, product.billing): product.catalog_item
        for product in products
    }
    prices: dict[str, Price] = {}
    for given in _rows(lines):
        key = given["ProductId"], given["SkuId"], given["TermDuration"], given["BillingPlan"].lower()
        item = wanted.get(key)
        if item is None or not _holds(given, at):
            continue
        price = _price(given, item)
        if item in prices and prices[item] != price:
            raise Blocked(
                _SHEET,
                wanted=f"the price of {item}",
                seen=f"both {prices[item].unit_price} and {price.unit_price}",
                todo="Order this product in Partner Center by hand, and take it out of `target.purchase`.",
            )
        prices[item] = price
    if unnamed := [item for item, price in prices.items() if not price.currency]:
        raise damaged(_SHEET, "the prices' currency", f"none for {', '.join(unnamed)}")
    return prices


def _rows(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Cells of each row by their columns' names. AnswerUnreadable: it is no such sheet, or a row is torn: with a column
    less or more, a price may be another column's."""
    try:
        sheet = csv.DictReader(lines, strict=True)
        columns = [name.lstrip("\ufeff").strip() for name in sheet.fieldnames or ()]
        if lacking := [name for name in _COLUMNS if columns.count(name) != 1]:
            raise damaged(_SHEET, "its columns", f"not exactly one {', '.join(lacking)}")
        for row in sheet:
            cells = list(row.values())
            if None in row or None in cells:
                raise damaged(_SHEET, "its rows", f"row {sheet.line_num} with other columns than the first")
            yield dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise damaged(_SHEET, "its rows", str(error)) from None


def _price(given: dict[str, str], item: str) -> Price:
    """A price is a finite number."""
    try:
        amount = Decimal(given["UnitPrice"])
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise damaged(_SHEET, f"the price of {item}", f"{given['UnitPrice']!r}")
    title = given.get("SkuTitle") or given.get("ProductTitle") or item
    return Price(title=title, unit_price=amount, currency=given.get("Currency", ""))


def _holds(given: dict[str, str], at: datetime) -> bool:
    """Is the row for this time, as far as it says?"""
    start, end = moment(given.get("EffectiveStartDate")), moment(given.get("EffectiveEndDate"))
    return (start is None or start <= at) and (end is None or at <= end)


def _customer(customer: str) -> str:
    return f"customers/{quote(customer, safe='')}"
