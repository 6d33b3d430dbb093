"""What only the end of the night can tell, kept for the report: where mail arrived, and what to do by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import BaseModel

from mailmove.errors import MailmoveError
from mailmove.evidence import now
from mailmove.plan.cutover import Cutover
from mailmove.report.landed import landed
from mailmove.report.night import Landed
from tasks.execution.open_blocks import source_server, tenant
from tasks.ledger.artifact_tables import write_table
from tasks.ledger.ledger import Ledger
from tasks.ledger.names import closing_key
from tasks.reporting.dns_cleanup import tidying
from tasks.traffic.inside_senders import behind_the_door

_BEFORE = timedelta(hours=6)
"""How much of the time before the switch is counted."""


class Closing(BaseModel):
    """One row of the table `closing-<customer>`."""

    tidy: list[str] = []
    landed: list[Landed] = []
    landed_note: str = ""


def close_books(cutover: Cutover, ledger: Ledger) -> Closing:
    """Count, and write it down. A side that cannot be read is said, and holds nobody up."""
    bars, note = _landed(cutover, ledger)
    closing = Closing(
        tidy=[*behind_the_door(cutover, ledger), *tidying(cutover, ledger)], landed=bars, landed_note=note
    )
    row = closing.model_dump(mode="json")
    write_table(closing_key(cutover.customer), [row], description="for the report", flow_run=ledger.cutover)
    return closing


def _landed(cutover: Cutover, ledger: Ledger) -> tuple[list[Landed], str]:
    switched, entries = ledger.evidence("switch_mail"), ledger.entries()
    if switched is None:
        return [], ""
    start = max(entries[0].at, switched.at - _BEFORE)

    def ours(recipients: tuple[str, ...]) -> bool:
        return any(one.rpartition("@")[2].lower() in cutover.domains for one in recipients)

    old, no_old = _read(
        lambda: [one.at for one in source_server(cutover).arrivals(start) if ours(one.recipients)], "the old server"
    )
    cloud, no_cloud = _read(
        # A message to many is one arrival here, as it is in the old server's log.
        lambda: list(
            {
                trace.message_id: trace.at
                for trace in tenant(cutover).messages.traces(start)
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
