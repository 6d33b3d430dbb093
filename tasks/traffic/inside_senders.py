"""Who still hands mail to the old server when its door is closed.

A rule on the gateway does not stop a scanner inside the house.
"""

from __future__ import annotations

from mailmove.errors import MailmoveError
from mailmove.plan.cutover import Cutover
from mailmove.smtp.late_senders import NAMED, late_senders
from tasks.execution.open_blocks import source_server
from tasks.ledger.ledger import Ledger
from tasks.traffic.server_clocks import by_its_clock


def behind_the_door(cutover: Cutover, ledger: Ledger) -> list[str]:
    """One line for each, for the report: who was not heard of before the last count, or whom a person let be.

    A log that cannot be read is said.
    """
    counted = ledger.evidence("reconcile_again")
    if counted is None:
        return []
    since = ledger.evidence("quiet_inside") or counted
    source = source_server(cutover)
    try:
        arrivals = source.arrivals(by_its_clock(source, since.at))
    except MailmoveError as error:
        return [f"Whether mail still reaches the old server behind the closed door is not known: {error}"]
    after = f"What it sends after the last count ({counted.at:%H:%M} UTC) is in the old mailboxes only."
    return [
        f"{one.line(cutover.domains)} The closed door does not stop it. {after}"
        for one in late_senders(arrivals)[:NAMED]
    ]
