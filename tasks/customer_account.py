"""Invite the customer into the partner's care (GDAP) and wait, parked, until they have approved."""

from __future__ import annotations

import asyncio

from mailmove.cloud_state import Relationship
from mailmove.errors import NotYet
from mailmove.evidence import Change, Evidence, Look, Preview, Receipt
from mailmove.plan import Cutover
from tasks.acting import act, undo, witness
from tasks.ledger import Ledger
from tasks.opening import partner
from tasks.policies import change, look, make_sure, put_back

NAME = "customer_account"
_LIVE = ("created", "approvalPending", "approved", "activating", "active")
_REMOVABLE = ("created", "active")


def _title(cutover: Cutover) -> str:
    return f"Mailmove {cutover.customer}"


def _relationship(cutover: Cutover) -> Relationship | None:
    side = partner(cutover)
    found = side.relationship(_title(cutover)) if side else None
    return found if found and found.status in _LIVE else None


def _preview(cutover: Cutover) -> Preview:
    if partner(cutover) is None:
        return Preview(stage=NAME)
    found = _relationship(cutover)
    if found and found.status != "created":  # created, but not yet locked for approval: invite() finishes it
        return Preview(stage=NAME)
    return Preview(
        stage=NAME, changes=[Change(what=f"GDAP relationship '{_title(cutover)}'", before=None, after="invited")]
    )


@look
def check(cutover: Cutover) -> Preview:
    """Is there a live relationship of ours with this customer?"""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Create the relationship with the least roles, and lock it for the customer's approval; once."""

    def invite(_: Preview) -> None:
        side = partner(cutover)
        assert side is not None, "a preview without a partner has no changes"
        side.invite(_title(cutover))

    return act(cutover, lambda: _preview(cutover), invite, approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """NotYet carries the two links that the customer must open."""
    side = partner(cutover)
    if side is None:
        return witness(cutover, NAME, ["the plan names no partner: the tenant trusts us already"])
    found = _relationship(cutover)
    if found is None or found.status != "active":
        link = found.approval_link if found else "-"
        raise NotYet(
            "Microsoft",
            wanted=f"the customer's approval of '{_title(cutover)}'",
            seen=found.status if found else "no relationship",
            todo=f"Send these links to the customer's administrator: {link} and {side.reseller_link()}",
        )
    return witness(cutover, NAME, [f"relationship {found.id} is active"])


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """Cheap enough to ask for days: has the customer approved?"""
    found = await asyncio.to_thread(_relationship, cutover)
    status = found.status if found else "no relationship"
    return Look(done=status == "active", summary=f"the customer's approval: {status}")


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Delete what nobody has seen, end what is active. Only the customer can turn an open invitation down."""
    found = _relationship(cutover)
    remains = []
    if found and found.status not in _REMOVABLE:
        remains = [
            f"GDAP relationship '{found.display_name}' is {found.status}: Microsoft lets nobody withdraw it; "
            "ask the customer to reject it, or let it lapse"
        ]
    elif found and found.status != "created":
        remains = [f"GDAP relationship '{found.display_name}': ended; Microsoft goes on listing it"]

    def standing() -> list[Change]:
        today = _relationship(cutover)
        return receipt.changes if today and today.status in _REMOVABLE else []

    def withdraw() -> None:
        side, today = partner(cutover), _relationship(cutover)
        if side and today:
            side.withdraw(today.id)

    return undo(receipt, standing, withdraw, remains=remains)
