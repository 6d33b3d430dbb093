"""Order what the plan names for the customer, and nothing else; only with the word of a person who saw the price.

Partner Center lists a new order up to 15 minutes late, so the list alone cannot tell whether a killed try has ordered.
The cart can: its number is written down before it is checked out, and checking the same cart out twice is one order.
"""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, NamedSubject
from mailmove.errors import Blocked, Drifted, NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.plan.purchase import Order, Price, Product
from mailmove.ports import Partner
from mailmove.tenant_states import ORDERS, Step
from tasks.accounts.partner_relationship import customer_id
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import payloads_of
from tasks.ledger.payloads import Cart, CartLine

NAME = "order_licences"
_AGREEMENT = "Microsoft Customer Agreement"


def question(plan: Cutover) -> str:
    """What its gate asks."""
    return "Order this, at this price, in the customer's name?"


def _note(context: Context) -> str:
    """On every line that we order; by this we know our own."""
    return f"Mailmove {context.plan.customer}"


def _change(product: Product, price: Price) -> Change:
    total = price.unit_price * product.quantity
    return Change(
        kind=ChangeKind.ORDER,
        subject=NamedSubject(name=product.catalog_item),
        after={
            "product": price.title,
            "quantity": product.quantity,
            "term": product.term,
            "billing": product.billing,
            "price": f"{price.unit_price} {price.currency} for each licence and billing period, before tax",
            "total": f"{total} {price.currency} for each billing period, before tax",
        },
    )


def _line(product: Product) -> CartLine:
    return CartLine(
        catalog_item=product.catalog_item, quantity=product.quantity, term=product.term, billing=product.billing
    )


def _carts(context: Context) -> dict[str, list[CartLine]]:
    """Carts that tries of this customer's have written down, in whichever cutover -> their lines; oldest first."""
    entries = context.ledger.entries_of_customer()
    return {cart.cart: cart.lines for _, cart in payloads_of(entries, Cart)}


def _ordered(context: Context, side: Partner, customer: str) -> list[Order]:
    return [order for order in side.orders(customer) if order.note == _note(context)]


def _open(context: Context, side: Partner) -> list[Product]:
    """What the plan names and nobody has ordered for it."""
    assert context.plan.target.purchase is not None
    wanted, customer = context.plan.target.purchase.products, customer_id(context)
    if customer is None:  # nobody has approved us, so nothing can have been ordered
        return wanted
    bought = {product.catalog_item for product in _ordered(context, side, customer)}
    for cart, lines in _carts(context).items():
        if side.cart_ordered(customer, cart):
            bought |= {line.catalog_item for line in lines}
    return [product for product in wanted if product.catalog_item not in bought]


def _preview(context: Context) -> Preview:
    side, purchase = context.partner, context.plan.target.purchase
    if side is None or purchase is None:
        return Preview(stage=NAME)
    missing = _open(context, side)
    prices = side.prices(purchase) if missing else {}
    findings = [
        Finding(
            subject=f"Order {product.catalog_item}",
            seen="a trial",
            means="Microsoft turns a trial into a paid subscription when it ends, unless somebody says otherwise",
            todo="Look at its renewal in Partner Center within the month.",
        )
        for product in missing
        if product.billing == "none"
    ]
    return Preview(
        stage=NAME, changes=[_change(product, prices[product.catalog_item]) for product in missing], findings=findings
    )


def _agreement(context: Context) -> list[Finding]:
    """Whether Microsoft would take an order: since 5 January 2026 only with the customer's agreement."""
    side, customer = context.partner, customer_id(context)
    assert side is not None, "a preview without a partner has no changes"
    if customer is None or not side.resells(customer):
        seen, needs_action = "not seen: the customer has not accepted us so far", False
    elif side.agreement_accepted(customer):
        return []
    else:
        seen, needs_action = "not accepted", True
    return [
        Finding(
            subject=_AGREEMENT,
            seen=seen,
            means="Without it Microsoft takes no order for them, since 5 January 2026.",
            todo=f"Their global administrator accepts it at {side.agreement_link()}",
            needs_action=needs_action,
        )
    ]


def _must_agree(context: Context) -> None:
    """Blocked: Microsoft would refuse the order."""
    for finding in _agreement(context):
        if finding.needs_action:
            wanted = f"the {_AGREEMENT}, accepted by the customer"
            raise Blocked("Partner Center", wanted=wanted, seen=finding.seen, todo=finding.todo)


@check_task
def check(context: Context) -> Preview:
    """What would be ordered, what it costs today, and whether Microsoft would take the order."""
    preview = _preview(context)
    if preview.changes:
        preview.findings += _agreement(context)
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Order it: exactly what was approved, once. Drifted: there is something to order that nobody has approved."""

    def order(preview: Preview) -> None:
        side, customer = context.partner, customer_id(context)
        assert side is not None, "a preview without a partner has no changes"
        if customer is None:
            raise NotYet(NAME, wanted="the customer's approval of us", seen="none so far", todo="It is tried again.")
        side.check_out(customer, _filled(context, side, customer))

    changes = _preview(context).changes
    if changes:
        _must_agree(context)
    if approved is None and changes:
        raise Drifted(NAME, wanted="a person's word", seen="an order that nobody has approved", todo="Ask at the gate.")
    return apply_changes(context, lambda: _preview(context), order, approved=approved)


def _filled(context: Context, side: Partner, customer: str) -> str:
    """A cart with what is missing: one that a killed try has left, or a new one, written down before it is used."""
    missing = _open(context, side)
    lines = [_line(product) for product in missing]
    for cart, known in _carts(context).items():
        if known == lines and side.cart_ordered(customer, cart) is False:
            return cart
    context.fence()
    cart = side.fill_cart(customer, missing, _note(context))
    facts = [f"{line.quantity} x {line.catalog_item} {line.term} {line.billing}" for line in lines]
    context.ledger.record(EntryKind.EVIDENCE, NAME, payload=Cart(cart=cart, lines=lines), facts=facts)
    return cart


@verify_task
def verify(context: Context) -> Evidence:
    """NotYet: Partner Center does not list the order so far, or has not finished it."""
    side, purchase, customer = context.partner, context.plan.target.purchase, customer_id(context)
    if side is None or purchase is None:
        return record_evidence(context, NAME, ["the plan has nothing bought"])
    if customer is None:
        raise NotYet(NAME, wanted="the customer's approval of us", seen="none so far", todo="Look again.")
    orders = {order.catalog_item: order for order in _ordered(context, side, customer)}
    for product in purchase.products:
        line = orders.get(product.catalog_item)
        state = ORDERS.of(line.status) if line else None
        if line and state and state.step is Step.ASK:
            raise Blocked(
                "Partner Center",
                wanted=f"{product.quantity} of {product.catalog_item} ordered",
                seen=f"order {line.order_id}, which is {line.status}",
                todo=state.todo,
            )
        if line is None or state is None or state.step is not Step.DONE or line.quantity != product.quantity:
            words = "no such order so far" if line is None else f"{line.quantity}, {line.status}"
            raise NotYet(
                "Partner Center",
                wanted=f"{product.quantity} of {product.catalog_item} ordered",
                seen=words,
                todo="It lists orders up to 15 minutes late. If another number was ordered, mend the plan.",
            )
    return record_evidence(
        context, NAME, [f"order {order.order_id}: {order.quantity} of {item}" for item, order in orders.items()]
    )


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Nothing is cancelled: that is money too. What was ordered is named."""
    remains = [
        f"{change.words}: {change.after['quantity']} stay ordered; Partner Center lets you cancel within seven days"
        for change in receipt.changes
        if isinstance(change.after, dict)
    ]
    return undo_changes(context, receipt, list, lambda: None, remains=remains)
