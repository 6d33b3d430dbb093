"""Until the old MX TTL has run out, counted from when the last authority served the new one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailmove.clock import now
from mailmove.evidence import PollResult
from mailmove.report import forecast_rules
from tasks.dns.authoritative_check import rrset_change
from tasks.execution.context import Context

FORECAST = forecast_rules.old_ttl


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """No network: the ledger knows the old TTLs, what the provider made of the low one, and when the clock started.

    A set whose TTL the provider did not lower has nothing to run out: it is held for its TTL after the switch.
    The time once reckoned stays what it is; only who says that it has come reads the ledger again.
    """
    if previous and previous.forecast and now() < previous.forecast:
        return previous.model_copy(update={"at": now()})
    receipt = await asyncio.to_thread(context.ledger.receipt, "lower_ttl")
    changed = [rrset_change(change) for change in receipt.changes]
    lowered = [(change.before, change.after) for change in changed if change.before and change.after]
    served = await asyncio.to_thread(context.ledger.evidence, "lower_ttl")
    if served is None:
        return PollResult(done=False, summary="the authoritative servers do not all serve the low TTL yet")
    longest = max((before.ttl for before, after in lowered if after.ttl < before.ttl), default=0)
    clear = served.at + timedelta(seconds=longest)
    summary = f"the old TTL of {longest} s runs out at {clear:%H:%M:%S} UTC" if longest else "no TTL was shortened"
    details = [
        f"{after.name} {after.type}: the provider gives no less than {after.ttl} s; "
        f"after the switch resolvers may hold the old records for so long"
        for before, after in lowered
        if after.ttl > context.plan.dns.low_ttl
    ]
    return PollResult(done=now() >= clear, summary=summary, forecast=clear, next_poll=clear, details=details)
