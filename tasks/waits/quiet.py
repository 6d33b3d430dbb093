"""Until nobody delivers to the old server any more: printers and applications never look at the MX."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailmove.evidence import Look, now
from mailmove.late_senders import NAMED, late_senders
from mailmove.plan import Cutover
from tasks.clocks import noticed_by
from tasks.ledger import Ledger
from tasks.opening import source_server


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """The old server's own record of arrivals, since the world has noticed the new MX, all in that server's time.

    After the plan's patience a person is asked, and it goes on looking. What arrives all the same is accounted for
    afterwards, before and after the door is closed.
    """
    return await asyncio.to_thread(_look, cutover, ledger)


def _look(cutover: Cutover, ledger: Ledger) -> Look:
    server = source_server(cutover)
    since = noticed_by(server, "the old server", ledger)
    there = server.clock()  # first: the log is read after that, so nothing before it is missed
    senders = late_senders(server.arrivals(since))
    count = sum(len(one.arrivals) for one in senders)
    last = max([since, *(one.arrivals[-1].at for one in senders)])
    quiet_at = last + timedelta(minutes=cutover.sweep.quiet_minutes)
    done = there >= quiet_at
    details = [one.line(cutover.domains) for one in senders[:NAMED]]
    details += [f"and {len(senders) - NAMED} others"] if len(senders) > NAMED else []
    summary = f"{count} messages reached the old server since {since:%H:%M:%S} UTC"
    if count:
        summary += f", the last at {last:%H:%M:%S}, from {', '.join(one.client_ip for one in senders[:NAMED])}"
    patience = timedelta(hours=cutover.sweep.patience_hours)
    asks = None
    if not done and there >= since + patience:
        asks = f"Mail still reaches the old server after {cutover.sweep.patience_hours:g} hours: go on all the same?"
    ahead = there - now()
    next_look = quiet_at if asks or done else min(quiet_at, max(since + patience, there))
    return Look(
        done=done,
        summary=summary,
        forecast=quiet_at - ahead,
        next_look=next_look - ahead,
        details=details,
        asks=asks,
    )
