"""Until nobody delivers to the old server any more: printers and applications never look at the MX."""

from __future__ import annotations

import asyncio

from mailmove.evidence import Look
from mailmove.plan.cutover import Cutover
from tasks.ledger.ledger import Ledger
from tasks.traffic.quiet_period import quiet_since


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """The old server's own record of arrivals, since the world has noticed the new MX.

    After the plan's patience a person is asked, and it goes on looking. What arrives all the same is accounted for
    afterwards, before and after the door is closed.
    """
    return await asyncio.to_thread(quiet_since, cutover, ledger, "propagation")
