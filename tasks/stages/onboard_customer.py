"""Make the customer's tenant where the plan says so, invite them into the partner's care (GDAP), and wait, parked,
until they have approved. Then the partner's group gets its roles there, and the partner's application its consent.

Two links go to the customer: the relationship, under which we may work, and the reseller relationship, under which we
may sell. Only an order needs the second.
"""

from __future__ import annotations

import asyncio

from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Change, Evidence, Look, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.ports import Partner
from mailmove.tenant_state import Relationship
from tasks.accounts.partner_relationship import relationship, title
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import amiss, partner, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, this_cutover

NAME = "onboard_customer"
_REMOVABLE = ("created", "active")
_TENANT = "tenant "


def _made(cutover: Cutover, side: Partner) -> list[Change]:
    new = cutover.target.new_customer
    if new is None or side.customer(new.domain) is not None:
        return []
    return [Change(what=f"{_TENANT}{new.domain}", before=None, after=f"for {new.company}, {new.country}")]


def _invited(cutover: Cutover, found: Relationship | None) -> list[Change]:
    if found and found.status != "created":  # created, but not yet locked for approval: invite() finishes it
        return []
    return [Change(what=f"GDAP relationship '{title(cutover)}'", before=None, after="invited")]


def _given(side: Partner, found: Relationship | None) -> list[Change]:
    if found is None or found.status != "active":
        return []
    return [Change(what=what, before=before, after="given") for what, before in side.missing_access(found).items()]


def _preview(cutover: Cutover) -> Preview:
    """Without what follows the approval: `verify` does that, as soon as there is one."""
    side = partner(cutover)
    if side is None:
        return Preview(stage=NAME)
    return Preview(stage=NAME, changes=[*_made(cutover, side), *_invited(cutover, relationship(cutover))])


@look
def check(cutover: Cutover) -> Preview:
    """Is there a live relationship of ours with this customer?"""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Make the tenant; create the relationship with the least roles, and lock it for the customer's approval; once."""

    def invite(preview: Preview) -> None:
        side, new = partner(cutover), cutover.target.new_customer
        assert side is not None, "a preview without a partner has no changes"
        if new is not None:
            side.make_customer(new)
        if any(not one.what.startswith(_TENANT) for one in preview.changes):
            side.invite(title(cutover))

    return act(cutover, lambda: _preview(cutover), invite, approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """NotYet carries the links that the customer must open. After the approval, what it lets us do is done here."""
    side = partner(cutover)
    if side is None:
        return witness(cutover, NAME, ["the plan names no partner: the tenant trusts us already"])
    found = relationship(cutover)
    if found is None or found.status != "active":
        link = found.approval_link if found else "-"
        raise NotYet(
            "Microsoft",
            wanted=f"the customer's approval of '{title(cutover)}'",
            seen=found.status if found else "no relationship",
            todo=f"Send these links to the customer's administrator: {link} and {side.reseller_link()}",
        )
    given = _give(cutover, side, found)
    if not _sells(cutover, side, found):
        raise NotYet(
            "Partner Center",
            wanted=f"to be the reseller of {found.customer_tenant_id}, for the order",
            seen="a customer who has not accepted us",
            todo=f"Send this link to the customer's administrator: {side.reseller_link()}",
        )
    _prove(cutover)
    return witness(cutover, NAME, [f"relationship {found.id} is active", *given, "our rights in the tenant are proved"])


def _prove(cutover: Cutover) -> None:
    """What preflight could not look at while the tenant was closed to us. Blocked: a right is missing."""
    missing = [one for one in amiss(cutover, tenant(cutover)) if one.blocks]
    if missing:
        raise Blocked(
            "Microsoft 365",
            wanted="every right that the night needs in the customer's tenant",
            seen="; ".join(f"{one.subject}: {one.seen}" for one in missing),
            todo=" ".join(dict.fromkeys(one.todo for one in missing)),
        )


def _give(cutover: Cutover, side: Partner, found: Relationship) -> list[str]:
    """Roles to our group, consent to our application; written down before and after like every change."""
    act(
        cutover,
        lambda: Preview(stage=NAME, changes=_given(side, found)),
        lambda _: side.give_access(found),
    )
    receipt = Ledger(cutover.customer, this_cutover()).receipt(NAME)
    return [one.what for one in receipt.changes if one.after == "given"]


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """Cheap enough to ask for days: has the customer approved?"""
    return await asyncio.to_thread(_look, cutover)


def _look(cutover: Cutover) -> Look:
    side, found = partner(cutover), relationship(cutover)
    status = found.status if found else "no relationship"
    if side and found and status == "active" and not _sells(cutover, side, found):
        return Look(done=False, summary="the customer's approval: active; they have not accepted us as reseller")
    if side and found and status == "active" and (missing := side.waits_for(found)):
        return Look(done=False, summary=f"the customer's approval: active; what is missing: {missing}")
    return Look(done=status == "active", summary=f"the customer's approval: {status}")


def _sells(cutover: Cutover, side: Partner, found: Relationship) -> bool:
    """Only an order takes a reseller relationship."""
    return cutover.target.purchase is None or side.resells(found.customer_tenant_id or "")


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Delete what nobody has seen, end what is active. Only the customer can turn an open invitation down."""
    found, remains = relationship(cutover), []
    if found and found.status not in _REMOVABLE:
        remains = [
            f"GDAP relationship '{found.display_name}' is {found.status}: Microsoft lets nobody withdraw it; "
            "ask the customer to reject it, or let it lapse"
        ]
    elif found and found.status != "created":
        remains = [f"GDAP relationship '{found.display_name}': ended; Microsoft goes on listing it"]
    remains += [f"{one.what}: a tenant cannot be taken back" for one in receipt.changes if one.what.startswith(_TENANT)]

    def standing() -> list[Change]:
        today = relationship(cutover)
        if today is None or today.status not in _REMOVABLE:
            return []
        return [one for one in receipt.changes if not one.what.startswith(_TENANT)]

    def withdraw() -> None:
        side, today = partner(cutover), relationship(cutover)
        if side and today:
            if today.status == "active":
                side.end_access(today)
            side.withdraw(today.id)

    return undo(receipt, standing, withdraw, remains=remains)
