"""What the plan itself does without, as decided before the cutover."""

from __future__ import annotations

from mailmove.leavable import Leavable, LeavableKind
from mailmove.plan.cutover import Cutover

BY_PLAN = "left by the plan (source.unread_mailboxes)"
"""Words for people, wherever a decision of a person would be named."""


def left_by_plan(plan: Cutover) -> tuple[Leavable, ...]:
    """Mailboxes that nobody is asked about again."""
    return tuple(Leavable(kind=LeavableKind.MAILBOX, mailbox=address) for address in plan.source.unread_mailboxes)
