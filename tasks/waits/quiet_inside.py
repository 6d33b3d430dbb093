"""Until nobody reaches the old server although port 25 is closed: a gateway does not stop a scanner inside.

The last count comes after that, so that nothing is taken by the old server when nobody counts any more. A server that
was busy or down while it was quiet has its late mail by now.
"""

from __future__ import annotations

import asyncio

from mailmove.evidence import PollResult
from mailmove.report import forecast_rules
from tasks.execution.context import Context
from tasks.traffic.quiet_period import quiet_since

FORECAST = forecast_rules.quiet


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """The old server's own record of arrivals, since port 25 was seen closed.

    After the plan's patience a person is asked, and polling goes on.
    """
    return await asyncio.to_thread(quiet_since, context, "close_smtp_port", " although its port 25 is closed")
