"""Secrets and certificates that end: named a month ahead, and as a blocker once they have ended. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailmove.evidence import Finding

AHEAD = timedelta(days=30)
"""Time before its end at which something is named: long enough to have a new one made, and approved."""


def expiry_finding(subject: str, ends: datetime, todo: str, at: datetime) -> Finding | None:
    """The finding about something that ends at `ends`, seen at `at` (both aware). None: it lasts for longer yet."""
    left = ends - at
    if left > AHEAD:
        return None
    over = left <= timedelta(0)
    return Finding(
        subject=subject,
        seen=f"{'ended' if over else 'ends'} on {ends:%Y-%m-%d %H:%M} UTC" + ("" if over else f", in {left.days} days"),
        means="nobody signs in with it any more" if over else "from then on nobody signs in with it",
        todo=todo,
        blocks=over,
        expires=ends,
    )
