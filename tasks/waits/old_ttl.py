"""Until the old MX TTL has run out, counted from when the last authority served the new one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailmove.evidence import Look, now
from mailmove.plan.cutover import Cutover
from tasks.dns.zone_changes import rrset_change
from tasks.ledger.ledger import Ledger


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """No network: the ledger knows the old TTLs, what the provider made of the low one, and when the clock started.

    A set whose TTL the provider did not lower has nothing to run out: it is held for its TTL after the switch.
    The time once reckoned stays what it is; only who says that it has come reads the ledger again.
    """
    if previous and previous.forecast and now() < previous.forecast:
        return previous.model_copy(update={"at": now()})
    receipt = await asyncio.to_thread(ledger.receipt, "lower_ttl")
    changed = [rrset_change(one) for one in receipt.changes]
    lowered = [(one.before, one.after) for one in changed if one.before and one.after]
    served = await asyncio.to_thread(ledger.evidence, "lower_ttl")
    if served is None:
        return Look(done=False, summary="the authoritative servers do not all serve the low TTL yet")
    longest = max((before.ttl for before, after in lowered if after.ttl < before.ttl), default=0)
    clear = served.at + timedelta(seconds=longest)
    summary = f"the old TTL of {longest} s runs out at {clear:%H:%M:%S} UTC" if longest else "no TTL was shortened"
    details = [
        f"{after.name} {after.type}: the provider gives no less than {after.ttl} s; "
        f"after the switch resolvers may hold the old records for so long"
        for before, after in lowered
        if after.ttl > cutover.dns.low_ttl
    ]
    return Look(done=now() >= clear, summary=summary, forecast=clear, next_look=clear, details=details)
