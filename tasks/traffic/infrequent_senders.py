"""Before port 25 is closed: which machines of the customer used it, and have not been heard of since the switch?

A scanner that is used on Fridays outlasts any quiet time. It is named while somebody can still mend it.
"""

from __future__ import annotations

from datetime import timedelta

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding
from mailmove.smtp.late_senders import NAMED, LateSender, gone_quiet
from mailmove.smtp.other_ways import OTHER_WAYS
from tasks.execution.context import Context
from tasks.traffic.probes import sent_probes
from tasks.traffic.server_clocks import by_its_clock

BEFORE = timedelta(days=14)
"""Time before the switch that the old server is asked about; who sends more rarely is hardly missed by morning."""


def infrequent_senders(context: Context) -> list[Finding]:
    """One for each, which blocks nothing; none before the switch."""
    ledger = context.ledger
    switched = ledger.evidence("switch_mail")
    if switched is None:
        return []
    source = context.source
    try:
        since = by_its_clock(source, switched.at)
        arrivals = source.arrivals(since - BEFORE)
    except MailmoveError as error:
        means = "It is not known which machines used it before the switch and may use it again."
        return [Finding(subject="the old server's log", seen=str(error), means=means, todo=error.todo)]
    ours = sent_probes(ledger.entries())
    others = [arrival for arrival in arrivals if arrival.message_id not in ours]
    return [_finding(sender) for sender in gone_quiet(others, since, context.plan.domains)[:NAMED]]


def _finding(machine: LateSender) -> Finding:
    last = machine.arrivals[-1]
    return Finding(
        subject=machine.client_ip,
        seen=f"{len(machine.arrivals)} messages from {machine.who} to the old server in the two weeks "
        f"before the switch, none since; the last at {last.at:%Y-%m-%d %H:%M} UTC as {last.sender.strip('<>')}",
        means="A printer, scanner or application that sends seldom. A rule on the server itself refuses it from now "
        "on; behind a gateway it still reaches the old mailboxes, which nobody reads any more.",
        todo=f"See that it is gone, or give it another way to send: {OTHER_WAYS}.",
    )
