"""Until nobody delivers to the old server any more: printers and applications never look at the MX."""

from __future__ import annotations

import asyncio

from mailmove.evidence import PollResult
from mailmove.report import forecast_rules
from tasks.execution.context import Context
from tasks.traffic.quiet_period import quiet_since

FORECAST = forecast_rules.quiet


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """The old server's own record of arrivals, since the world has noticed the new MX.

    After the plan's patience a person is asked, and polling goes on. What arrives all the same is accounted for
    afterwards, before and after port 25 is closed.
    """
    return await asyncio.to_thread(quiet_since, context, "propagation")
