"""Who still hands mail to the old server when its port 25 is closed.

A rule on the gateway does not stop a scanner inside the house.
"""

from __future__ import annotations

from mailmove.errors import MailmoveError
from mailmove.smtp.late_senders import NAMED, late_senders
from tasks.execution.context import Context
from tasks.traffic.server_clocks import by_its_clock


def inside_senders(context: Context) -> list[str]:
    """One line for each, for the report: who was not heard of before the last count, or whom a person let be.

    A log that cannot be read is said.
    """
    counted = context.ledger.evidence("reconcile_again")
    if counted is None:
        return []
    since = context.ledger.evidence("quiet_inside") or counted
    source = context.source
    try:
        arrivals = source.arrivals(by_its_clock(source, since.at))
    except MailmoveError as error:
        return [f"Whether mail still reaches the old server although its port 25 is closed is not known: {error}"]
    after = f"What it sends after the last count ({counted.at:%H:%M} UTC) is in the old mailboxes only."
    return [
        f"{sender.line(context.plan.domains)} The closed port does not stop it. {after}"
        for sender in late_senders(arrivals)[:NAMED]
    ]
