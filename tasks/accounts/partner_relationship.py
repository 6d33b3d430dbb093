"""The relationship between the partner and this customer, as the stages that need it see it."""

from __future__ import annotations

from mailmove.plan.cutover import Cutover
from mailmove.tenant_state import Relationship
from tasks.execution.open_blocks import partner

LIVE = ("created", "approvalPending", "approved", "activating", "active")


def title(cutover: Cutover) -> str:
    return f"Mailmove {cutover.customer}"


def relationship(cutover: Cutover) -> Relationship | None:
    """The live one; None: there is none, or no partner."""
    side = partner(cutover)
    found = side.relationship(title(cutover)) if side else None
    return found if found and found.status in LIVE else None


def customer_id(cutover: Cutover) -> str | None:
    """The customer's tenant id, once they have approved us; None: not yet."""
    found = relationship(cutover)
    return found.customer_tenant_id if found and found.status == "active" else None
