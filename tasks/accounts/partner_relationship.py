"""The relationship between the partner and this customer, as the stages that need it see it."""

from __future__ import annotations

from mailmove.tenant_state import Relationship
from tasks.execution.context import Context

LIVE = ("created", "approvalPending", "approved", "activating", "active")


def title(context: Context) -> str:
    return f"Mailmove {context.plan.customer}"


def relationship(context: Context) -> Relationship | None:
    """The live one; None: there is none, or no partner."""
    side = context.partner
    known = side.relationship(title(context)) if side else None
    return known if known and known.status in LIVE else None


def customer_id(context: Context) -> str | None:
    """The customer's tenant id, once they have approved us; None: not yet."""
    live = relationship(context)
    return live.customer_tenant_id if live and live.status == "active" else None
