"""Make the customer's tenant where the plan says so, invite them into the partner's care (GDAP), and wait, parked,
until they have approved. Then the partner's group gets its roles there, and the partner's application its consent.

Two links go to the customer: the relationship, under which we may work, and the reseller relationship, under which we
may sell. Only an order needs the second.
"""

from __future__ import annotations

import asyncio

from mailmove.changes import Change, ChangeKind, DomainSubject, NamedSubject
from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Evidence, PollResult, Preview, Receipt
from mailmove.ports import Partner
from mailmove.report import forecast_rules
from mailmove.tenant_state import Relationship
from mailmove.tenant_states import RELATIONSHIPS, Step
from tasks.accounts.block_findings import block_findings
from tasks.accounts.partner_relationship import is_active, relationship, title
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "onboard_customer"
FORECAST = forecast_rules.customer_approval
_REMOVABLE = ("created", "active", "expiring")


def _made(context: Context, side: Partner) -> list[Change]:
    new = context.plan.target.new_customer
    if new is None or side.customer(new.domain) is not None:
        return []
    subject, after = DomainSubject(domain=new.domain), f"for {new.company}, {new.country}"
    return [Change(kind=ChangeKind.CUSTOMER_TENANT, subject=subject, before=None, after=after)]


def _invited(context: Context, live: Relationship | None) -> list[Change]:
    if live and live.status != "created":  # created, but not yet locked for approval: invite() finishes it
        return []
    subject = NamedSubject(name=title(context))
    return [Change(kind=ChangeKind.RELATIONSHIP, subject=subject, before=None, after="invited")]


def _given(side: Partner, live: Relationship | None) -> list[Change]:
    if not is_active(live):
        return []
    return [
        Change(kind=ChangeKind.PARTNER_ACCESS, subject=NamedSubject(name=access), before=before, after="given")
        for access, before in side.missing_access(live).items()
    ]


def _preview(context: Context) -> Preview:
    """Without what follows the approval: `verify` does that, as soon as there is one."""
    side = context.partner
    if side is None:
        return Preview(stage=NAME)
    return Preview(stage=NAME, changes=[*_made(context, side), *_invited(context, relationship(context))])


@check_task
def check(context: Context) -> Preview:
    """Is there a live relationship of ours with this customer?"""
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Make the tenant; create the relationship with the least roles, and lock it for the customer's approval; once."""

    def invite(preview: Preview) -> None:
        side, new = context.partner, context.plan.target.new_customer
        assert side is not None, "a preview without a partner has no changes"
        if new is not None:
            side.make_customer(new)
        if any(change.kind is ChangeKind.RELATIONSHIP for change in preview.changes):
            side.invite(title(context))

    return apply_changes(context, lambda: _preview(context), invite, approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    """NotYet carries the links that the customer must open. After the approval, what it lets us do is done here."""
    side = context.partner
    if side is None:
        return record_evidence(context, NAME, ["the plan names no partner: the tenant trusts us already"])
    live = relationship(context)
    if not is_active(live):
        if stuck := _stuck(context, live):
            raise Blocked(
                "Microsoft",
                wanted=f"the customer's approval of '{stuck.display_name}'",
                seen=f"a relationship that is {stuck.status}",
                todo=RELATIONSHIPS.of(stuck.status).todo,
            )
        link = live.approval_link if live else "-"
        raise NotYet(
            "Microsoft",
            wanted=f"the customer's approval of '{title(context)}'",
            seen=live.status if live else "no relationship",
            todo=f"Send these links to the customer's administrator: {link} and {side.reseller_link()}",
        )
    given = _give(context, side, live)
    if not _sells(context, side, live):
        raise NotYet(
            "Partner Center",
            wanted=f"to be the reseller of {live.customer_tenant_id}, for the order",
            seen="a customer who has not accepted us",
            todo=f"Send this link to the customer's administrator: {side.reseller_link()}",
        )
    if not _agrees(context, side, live):
        raise NotYet(
            "Partner Center",
            wanted=f"the Microsoft Customer Agreement accepted by {live.customer_tenant_id}, for the order",
            seen="not accepted so far",
            todo=f"Their global administrator accepts it at {side.agreement_link()}",
        )
    _prove(context)
    return record_evidence(
        context, NAME, [f"relationship {live.id} is active", *given, "our rights in the tenant are proved"]
    )


def _stuck(context: Context, live: Relationship | None) -> Relationship | None:
    """One that will not become active by itself: a person must see to it."""
    known = live
    if live is None and context.partner is not None:
        known = context.partner.ended_relationship(title(context))
    return known if known and RELATIONSHIPS.step(known.status) in (Step.ASK, Step.GONE) else None


def _prove(context: Context) -> None:
    """What preflight could not look at while the tenant was closed to us. Blocked: a right is missing."""
    missing = [finding for finding in block_findings(context.plan, context.tenant) if finding.blocks]
    if missing:
        raise Blocked(
            "Microsoft 365",
            wanted="every right that the cutover needs in the customer's tenant",
            seen="; ".join(f"{finding.subject}: {finding.seen}" for finding in missing),
            todo=" ".join(dict.fromkeys(finding.todo for finding in missing)),
        )


def _give(context: Context, side: Partner, live: Relationship) -> list[str]:
    """Roles to our group, consent to our application; written down before and after like every change."""
    apply_changes(
        context,
        lambda: Preview(stage=NAME, changes=_given(side, live)),
        lambda _: side.give_access(live),
    )
    receipt = context.ledger.receipt(NAME)
    return [change.words for change in receipt.changes if change.kind is ChangeKind.PARTNER_ACCESS]


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """Cheap enough to ask for days: has the customer approved?"""
    return await asyncio.to_thread(_poll, context)


def _poll(context: Context) -> PollResult:
    side, live = context.partner, relationship(context)
    status = live.status if live else "no relationship"
    if stuck := _stuck(context, live):  # `verify` says why, and asks
        return PollResult(done=True, summary=f"the customer's approval: {stuck.status}")
    if side and is_active(live) and not _sells(context, side, live):
        return PollResult(done=False, summary="the customer's approval: active; they have not accepted us as reseller")
    if side and is_active(live) and not _agrees(context, side, live):
        words = f"active; they have not accepted the Microsoft Customer Agreement: {side.agreement_link()}"
        return PollResult(done=False, summary=f"the customer's approval: {words}")
    if side and is_active(live) and (missing := side.waits_for(live)):
        return PollResult(done=False, summary=f"the customer's approval: active; what is missing: {missing}")
    return PollResult(done=is_active(live), summary=f"the customer's approval: {status}")


def _sells(context: Context, side: Partner, live: Relationship) -> bool:
    """Only an order takes a reseller relationship."""
    return context.plan.target.purchase is None or side.resells(live.customer_tenant_id or "")


def _agrees(context: Context, side: Partner, live: Relationship) -> bool:
    """Only an order takes a Microsoft Customer Agreement."""
    return context.plan.target.purchase is None or side.agreement_accepted(live.customer_tenant_id or "")


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Take back what was given, delete what nobody has seen, end what is active; only what the receipt says was ours.

    Only the customer can turn an open invitation down. A consent that was never given is not asked back: Partner Center
    refuses that for ever.
    """
    side, live = context.partner, relationship(context)
    tenants = [change for change in receipt.changes if change.kind is ChangeKind.CUSTOMER_TENANT]
    invited = [change for change in receipt.changes if change.kind is ChangeKind.RELATIONSHIP]
    access = [change for change in receipt.changes if change.kind is ChangeKind.PARTNER_ACCESS]
    remains = _relationship_remains(live) if invited else _roles_remain(side, live, access)
    remains += [f"{change.words}: a tenant cannot be taken back" for change in tenants]

    def standing() -> list[Change]:
        today = relationship(context)
        if side is None or today is None or today.status not in _REMOVABLE:
            return []
        return [*invited, *access] if invited else _consents(side, today, access)

    def withdraw() -> None:
        today = relationship(context)
        if side is None or today is None:
            return
        if _consents(side, today, access):
            side.end_access(today)
        if invited:
            side.withdraw(today.id)

    return undo_changes(context, receipt, standing, withdraw, remains=remains)


def _relationship_remains(live: Relationship | None) -> list[str]:
    """What no rollback can do about the relationship that we made."""
    if live and live.status not in _REMOVABLE:
        return [
            f"GDAP relationship '{live.display_name}' is {live.status}: Microsoft lets nobody withdraw it; "
            "ask the customer to reject it, or let it lapse"
        ]
    if live and live.status != "created":
        return [f"GDAP relationship '{live.display_name}': ended; Microsoft goes on listing it"]
    return []


def _roles_remain(side: Partner | None, live: Relationship | None, access: list[Change]) -> list[str]:
    """What we were given under a relationship that stood there before, and that ends only with it."""
    if side is None or not is_active(live):
        return []
    return [
        f"{change.words}: stays with the relationship '{live.display_name}', which was there before; take it away in "
        "Partner Center if it is not wanted"
        for change in access
        if not side.is_consent(live, _name(change))
    ]


def _consents(side: Partner, live: Relationship, access: list[Change]) -> list[Change]:
    """Of what we were given, the consents that stand today."""
    ours = [change for change in access if side.is_consent(live, _name(change))]
    if not ours or not is_active(live):
        return []
    missing = side.missing_access(live)
    return [change for change in ours if _name(change) not in missing]


def _name(change: Change) -> str:
    assert isinstance(change.subject, NamedSubject), "access is known by its name"
    return change.subject.name
