"""How long nobody has delivered to the old server any more, by its own record, in its own time."""

from __future__ import annotations

from datetime import timedelta

from mailmove.evidence import Look, now
from mailmove.plan.cutover import Cutover
from mailmove.smtp.late_senders import NAMED, late_senders
from tasks.execution.open_blocks import source_server
from tasks.ledger.ledger import Ledger
from tasks.traffic.server_clocks import ROUNDED, when


def quiet_since(cutover: Cutover, ledger: Ledger, step: str, where: str = "") -> Look:
    """One look at what has arrived since a step had taken effect: who still delivers is named, with what to do.

    where: words after "the old server". After the plan's patience a person is asked, and it goes on looking.
    """
    server = source_server(cutover)
    since = when(step, server, "the old server", ledger)
    there = server.clock()  # first: the log is read after that, so nothing before it is missed
    senders = late_senders(server.arrivals(since))
    count = sum(len(one.arrivals) for one in senders)
    last = max([since, *(one.arrivals[-1].at for one in senders)])
    quiet_at = (last + timedelta(minutes=cutover.sweep.quiet_minutes) + ROUNDED).replace(microsecond=0)
    done = there >= quiet_at
    details = [one.line(cutover.domains) for one in senders[:NAMED]]
    details += [f"and {len(senders) - NAMED} others"] if len(senders) > NAMED else []
    summary = f"{count} messages reached the old server{where} since {since:%H:%M:%S} UTC"
    if count:
        summary += f", the last at {last:%H:%M:%S}, from {', '.join(one.client_ip for one in senders[:NAMED])}"
    patience = timedelta(hours=cutover.sweep.patience_hours)
    asks = None
    if not done and there >= since + patience:
        hours = f"{cutover.sweep.patience_hours:g} hours"
        asks = f"Mail still reaches the old server{where} after {hours}: go on all the same?"
    next_look = quiet_at if asks or done else min(quiet_at, max(since + patience, there))
    ahead = there - now()
    return Look(
        done=done,
        summary=summary,
        forecast=quiet_at - ahead,
        next_look=next_look - ahead,
        details=details,
        asks=asks,
    )
