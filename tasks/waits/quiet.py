"""Until nobody delivers to the old server any more: printers and applications never look at the MX."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from mailmove.evidence import Look, now
from mailmove.plan import Cutover
from tasks.ledger import Ledger
from tasks.opening import source_server


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """The old server's own record of arrivals, since the world has noticed the new MX."""
    noticed = ledger.evidence("propagation")
    since = noticed.at if noticed else now()
    arrivals = await asyncio.to_thread(lambda: source_server(cutover).arrivals(since))
    last = max([since, *(one.at for one in arrivals)])
    quiet_at = last + timedelta(minutes=cutover.sweep.quiet_minutes)
    who = Counter(one.client_ip for one in arrivals)
    details = [
        f"{client} still delivers to the old server ({count} messages): point it at the new MX"
        for client, count in who.most_common()
    ]
    summary = f"{len(arrivals)} messages reached the old server since {since:%H:%M:%S} UTC"
    if arrivals:
        summary += f", the last at {last:%H:%M:%S}, from {', '.join(sorted(who))}"
    return Look(done=now() >= quiet_at, summary=summary, forecast=quiet_at, next_look=quiet_at, details=details)
