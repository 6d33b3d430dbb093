"""Order what the plan names for the customer, and nothing else; only with the word of a person who saw the price.

Partner Center lists a new order up to 15 minutes late, so the list alone cannot tell whether a killed try has ordered.
The cart can: its number is written down before it is checked out, and checking the same cart out twice is one order.
"""

from __future__ import annotations

from mailmove.errors import Drifted, NotYet
from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.plan.purchase import Order, Price, Product
from mailmove.ports import Partner
from tasks.accounts.partner_relationship import customer_id
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import partner
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, read_entries, this_cutover

NAME = "order_licences"
_CART = f"{NAME} cart"


def _note(cutover: Cutover) -> str:
    """On every line that we order; by this we know our own."""
    return f"Mailmove {cutover.customer}"


def _change(product: Product, price: Price) -> Change:
    total = price.unit_price * product.quantity
    return Change(
        what=f"Order {product.catalog_item}",
        after={
            "product": price.title,
            "quantity": product.quantity,
            "term": product.term,
            "billing": product.billing,
            "price": f"{price.unit_price} {price.currency} for each licence and billing period, before tax",
            "total": f"{total} {price.currency} for each billing period, before tax",
        },
    )


def _line(product: Product) -> str:
    return f"{product.quantity} x {product.catalog_item} {product.term} {product.billing}"


def _carts(cutover: Cutover) -> dict[str, list[str]]:
    """Carts that tries of this customer's have written down, in whichever cutover -> their lines; oldest first."""
    noted = [entry.facts for entry in read_entries(cutover.customer) if entry.stage == _CART]
    return {cart: lines for cart, *lines in noted}


def _ordered(cutover: Cutover, side: Partner, customer: str) -> list[Order]:
    return [one for one in side.orders(customer) if one.note == _note(cutover)]


def _open(cutover: Cutover, side: Partner) -> list[Product]:
    """What the plan names and nobody has ordered for it."""
    assert cutover.target.purchase is not None
    wanted, customer = cutover.target.purchase.products, customer_id(cutover)
    if customer is None:  # nobody has approved us, so nothing can have been ordered
        return wanted
    bought = {one.catalog_item for one in _ordered(cutover, side, customer)}
    for cart, lines in _carts(cutover).items():
        if side.cart_ordered(customer, cart):
            bought |= {line.split()[2] for line in lines}
    return [one for one in wanted if one.catalog_item not in bought]


def _preview(cutover: Cutover) -> Preview:
    side, purchase = partner(cutover), cutover.target.purchase
    if side is None or purchase is None:
        return Preview(stage=NAME)
    missing = _open(cutover, side)
    prices = side.prices(purchase) if missing else {}
    findings = [
        Finding(
            subject=f"Order {one.catalog_item}",
            seen="a trial",
            means="Microsoft turns a trial into a paid subscription when it ends, unless somebody says otherwise",
            todo="Look at its renewal in Partner Center within the month.",
        )
        for one in missing
        if one.billing == "none"
    ]
    return Preview(stage=NAME, changes=[_change(one, prices[one.catalog_item]) for one in missing], findings=findings)


@look
def check(cutover: Cutover) -> Preview:
    """What would be ordered, and what it costs today."""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Order it: exactly what was approved, once. Drifted: there is something to order that nobody has approved."""

    def order(preview: Preview) -> None:
        side, customer = partner(cutover), customer_id(cutover)
        assert side is not None, "a preview without a partner has no changes"
        if customer is None:
            raise NotYet(NAME, wanted="the customer's approval of us", seen="none so far", todo="It is tried again.")
        side.check_out(customer, _filled(cutover, side, customer))

    if approved is None and _preview(cutover).changes:
        raise Drifted(NAME, wanted="a person's word", seen="an order that nobody has approved", todo="Ask at the gate.")
    return act(cutover, lambda: _preview(cutover), order, approved=approved)


def _filled(cutover: Cutover, side: Partner, customer: str) -> str:
    """A cart with what is missing: one that a killed try has left, or a new one, written down before it is used."""
    missing = _open(cutover, side)
    lines = [_line(one) for one in missing]
    for cart, held in _carts(cutover).items():
        if held == lines and side.cart_ordered(customer, cart) is False:
            return cart
    cart = side.fill_cart(customer, missing, _note(cutover))
    Ledger(cutover.customer, this_cutover()).record("evidence", _CART, facts=[cart, *lines])
    return cart


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """NotYet: Partner Center does not list the order so far, or has not finished it."""
    side, purchase, customer = partner(cutover), cutover.target.purchase, customer_id(cutover)
    if side is None or purchase is None:
        return witness(cutover, NAME, ["the plan has nothing bought"])
    if customer is None:
        raise NotYet(NAME, wanted="the customer's approval of us", seen="none so far", todo="Look again.")
    found = {one.catalog_item: one for one in _ordered(cutover, side, customer)}
    for product in purchase.products:
        line = found.get(product.catalog_item)
        if line is None or line.status != "completed" or line.quantity != product.quantity:
            seen = "no such order so far" if line is None else f"{line.quantity}, {line.status}"
            raise NotYet(
                "Partner Center",
                wanted=f"{product.quantity} of {product.catalog_item} ordered",
                seen=seen,
                todo="It lists orders up to 15 minutes late. If another number was ordered, mend the plan.",
            )
    return witness(cutover, NAME, [f"order {one.order_id}: {one.quantity} of {item}" for item, one in found.items()])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Nothing is cancelled: that is money too. What was ordered is named."""
    remains = [
        f"{one.what}: {one.after['quantity']} stay ordered; Partner Center lets you cancel within seven days"
        for one in receipt.changes
        if isinstance(one.after, dict)
    ]
    return undo(receipt, list, lambda: None, remains=remains)
