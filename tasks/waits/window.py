"""Until one of the plan's windows is open: the mail is never switched outside them."""

from __future__ import annotations

import asyncio

from mailmove.evidence import PollResult
from mailmove.report import forecast_rules
from tasks.dns.switch_window import poll_window
from tasks.execution.context import Context

FORECAST = forecast_rules.window


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """No network: the clock, the plan, and the TTL that the ledger knows."""
    if not context.plan.windows:
        return PollResult(done=True, summary="the plan has no windows")
    return await asyncio.to_thread(poll_window, context)
