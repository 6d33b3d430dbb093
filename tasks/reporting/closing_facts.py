"""What only the end of a cutover can show, kept for the report: where mail arrived, and what to do by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import BaseModel

from mailmove.clock import now
from mailmove.errors import MailmoveError
from mailmove.report.arrival_bars import landed
from mailmove.report.cutover_report import ArrivalBar
from tasks.execution.context import Context
from tasks.ledger.names import closing_key
from tasks.reporting.dns_cleanup import cleanup_lines
from tasks.traffic.inside_senders import inside_senders

_BEFORE = timedelta(hours=6)
"""How much of the time before the switch is counted."""


class Closing(BaseModel):
    """One row of the table `closing-<customer>`."""

    tidy: list[str] = []
    landed: list[ArrivalBar] = []
    landed_note: str = ""


def close_books(context: Context) -> Closing:
    """Count, and write it down. A side that cannot be read is said, and holds nobody up."""
    bars, note = _landed(context)
    closing = Closing(tidy=[*inside_senders(context), *cleanup_lines(context)], landed=bars, landed_note=note)
    row = closing.model_dump(mode="json")
    context.write_table(closing_key(context.plan.customer), [row], description="for the report")
    return closing


def _landed(context: Context) -> tuple[list[ArrivalBar], str]:
    switched, entries = context.ledger.evidence("switch_mail"), context.ledger.entries()
    if switched is None:
        return [], ""
    start = max(entries[0].at, switched.at - _BEFORE)

    def ours(recipients: tuple[str, ...]) -> bool:
        """Mail of which nobody knows for whom it was may be ours."""
        return not recipients or any(
            recipient.rpartition("@")[2].lower() in context.plan.domains for recipient in recipients
        )

    old, no_old = _read(
        lambda: [arrival.at for arrival in context.source.arrivals(start) if ours(arrival.recipients)],
        "the old server",
    )
    cloud, no_cloud = _read(
        # A message to many is one arrival here, as it is in the old server's log.
        lambda: list(
            {
                trace.message_id: trace.at
                for trace in context.tenant.messages.traces(start)
                if ours((trace.recipient,))
            }.values()
        ),
        "Microsoft 365",
    )
    return landed(start, now(), old, cloud), " ".join(note for note in (no_old, no_cloud) if note)


def _read(arrivals: Callable[[], list[datetime]], whose: str) -> tuple[list[datetime] | None, str]:
    try:
        return arrivals(), ""
    except MailmoveError as error:
        return None, f"The arrivals at {whose} could not be read: {error}"
