"""Message trace as evidence: from where mail reaches the cloud, and whether any comes by way of the old server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from mailmove.errors import Blocked
from mailmove.evidence import Finding
from mailmove.tenant_state import TraceEntry
from tasks.dns.host_addresses import addresses_of
from tasks.execution.context import Context
from tasks.traffic.server_clocks import when


@dataclass(frozen=True)
class Reached:
    """What reached the cloud since then."""

    since: datetime
    total: int
    old_addresses: list[str]
    by_way_of_old: list[TraceEntry]

    def __str__(self) -> str:
        whom = ", ".join(self.old_addresses)
        words = f"{self.total} messages reached Microsoft 365 since {self.since:%Y-%m-%d %H:%M:%S} UTC, "
        if not self.by_way_of_old:
            return words + f"none by way of the old server ({whom})"
        whose = Counter(trace.recipient for trace in self.by_way_of_old).most_common(5)
        last = max(trace.at for trace in self.by_way_of_old)
        named = ", ".join(f"{count} for {recipient}" for recipient, count in whose)
        old = f"{len(self.by_way_of_old)} of them from the old server ({whom}): {named}"
        return f"{words}{old}; the last at {last:%H:%M:%S}"


def reached(context: Context, since: datetime) -> Reached:
    """Microsoft shows a message here some minutes after it has come."""
    old = addresses_of(context, context.plan.source.smtp_host)
    traces = context.tenant.messages.traces(since)
    return Reached(since, len(traces), old, [trace for trace in traces if trace.from_ip in old])


def findings_since_the_switch(context: Context) -> list[Finding]:
    """One finding, which blocks nothing; none before the world has noticed the new MX."""
    if context.ledger.evidence("propagation") is None:
        return []
    try:
        return [_finding(reached(context, when(context, "propagation", "target")))]
    except Blocked as error:
        means = "It is not known whether mail still comes by way of the old server."
        return [Finding(subject="message trace", seen=str(error), means=means, todo=error.todo)]


def _finding(seen: Reached) -> Finding:
    return Finding(
        subject="message trace",
        seen=str(seen),
        means="Somebody still hands mail to the old server, which passes it on: that ends when port 25 is closed."
        if seen.by_way_of_old
        else "Senders have found the cloud by themselves.",
        todo="Point those senders at the new MX." if seen.by_way_of_old else "Nothing to do.",
        needs_action=bool(seen.by_way_of_old),
    )
