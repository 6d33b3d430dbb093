"""Secrets and certificates that end soon: kept by preflight, and named on the board until the next preflight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from mailmove.evidence import Preview
from mailmove.expiry import AHEAD
from tasks.engine.current import engine
from tasks.execution.context import Context
from tasks.ledger.names import expiring_key


class Expiring(BaseModel):
    """Something that ends."""

    subject: str
    expires: datetime = Field(description="UTC")


def keep_expiring(context: Context, previews: Sequence[Preview]) -> None:
    """Keep what preflight has named, in place of what an earlier one had."""
    rows = [
        Expiring(subject=finding.subject, expires=finding.expires).model_dump(mode="json")
        for preview in previews
        for finding in preview.findings
        if finding.expires
    ]
    context.write_table(expiring_key(context.plan.customer), rows, description="for the board")


def expiring_of(customers: Sequence[str], at: datetime) -> dict[str, list[str]]:
    """Customer -> a line for each thing that ends within the month; in few requests for all."""
    keys = {expiring_key(customer): customer for customer in customers}
    tables = engine().store.read_latest(list(keys))
    return {keys[key]: _lines([Expiring.model_validate(row) for row in rows], at) for key, rows in tables.items()}


def _lines(rows: Sequence[Expiring], at: datetime) -> list[str]:
    soon = [row for row in rows if row.expires - at <= AHEAD]
    return [f"{row.subject} {_when(row.expires - at)} ({row.expires:%Y-%m-%d})" for row in soon]


def _when(left: timedelta) -> str:
    return "has ended" if left <= timedelta(0) else f"ends in {left.days} days"
