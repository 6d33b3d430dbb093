"""Names that we give to things at Microsoft and to tables of ours; the same plan always gives the same name."""

from __future__ import annotations

from mailmove.plan.cutover import Cutover


def batch_name(cutover: Cutover) -> str:
    return f"mailmove-{cutover.customer}"


def endpoint_name(cutover: Cutover) -> str:
    return cutover.target.endpoint or f"mailmove-{cutover.customer}"


def previews_key(customer: str) -> str:
    """Of the table with what the preflight saw: a row for each `Preview`."""
    return f"previews-{customer}"


def handover_key(customer: str) -> str:
    """Of the table with whom the cutover concerns: one row, a `Handover`."""
    return f"handover-{customer}"


def expiring_key(customer: str) -> str:
    """Of the table with secrets and certificates that end soon: a row for each, an `Expiring`."""
    return f"expiring-{customer}"


def copying_key(customer: str) -> str:
    """Of the table with how far our own copy is: one row, a `Progress`."""
    return f"copying-{customer}"


def left_out_key(customer: str) -> str:
    """Of the table with what people decided to do without: a row for each decision, a `LeftLine`."""
    return f"left-out-{customer}"


def closing_key(customer: str) -> str:
    """Of the table with what only the end of a cutover can show: one row, a `Closing`."""
    return f"closing-{customer}"
