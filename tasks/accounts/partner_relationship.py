"""The relationship between the partner and this customer, as the stages that need it see it."""

from __future__ import annotations

from typing import TypeGuard

from mailmove.tenant_state import Relationship
from mailmove.tenant_states import RELATIONSHIPS, Step
from tasks.execution.context import Context


def title(context: Context) -> str:
    return f"Mailmove {context.plan.customer}"


def relationship(context: Context) -> Relationship | None:
    """The one that is not over, in whatever state; None: there is none, or no partner."""
    side = context.partner
    return side.relationship(title(context)) if side else None


def is_active(relationship: Relationship | None) -> TypeGuard[Relationship]:
    """May we work under it?"""
    return relationship is not None and RELATIONSHIPS.step(relationship.status) is Step.DONE


def customer_id(context: Context) -> str | None:
    """The customer's tenant id, once they have approved us; None: not yet."""
    live = relationship(context)
    return live.customer_tenant_id if is_active(live) else None
