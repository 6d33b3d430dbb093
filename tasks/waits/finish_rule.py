"""Microsoft's own rule before a batch is removed: after that nothing is copied any more.

Every mailbox must have been synced after the moment when mail reached the cloud everywhere ("cutover migration to
Microsoft 365"); and message trace shows whether mail still comes by way of the old server.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailmove.errors import Blocked
from mailmove.evidence import PollResult
from tasks.execution.context import Context
from tasks.items.batch_users import at_rest, proposals
from tasks.ledger.names import batch_name
from tasks.traffic.message_traces import reached
from tasks.traffic.server_clocks import when

_ASKS = "Some mailboxes are not synced any more by themselves. Mend what stands beside them, or go on without them?"


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """Where the tenant shows no message trace, that is said, and the rule of the last sync decides alone."""
    return await asyncio.to_thread(_poll, context)


def _poll(context: Context) -> PollResult:
    cloud = context.tenant
    if cloud.migration.batch(batch_name(context.plan)) is None:
        return PollResult(done=True, summary="there is no batch to remove")
    since = when(context, "propagation", "target")
    users = cloud.migration.users(batch_name(context.plan))
    late = [user for user in users if not user.last_synced or user.last_synced <= since]
    try:
        arrivals = reached(context, since)
    except Blocked as error:
        traced, recent = f"message trace could not be asked: {error}", False
    else:
        traced = str(arrivals)
        recently = cloud.clock() - timedelta(minutes=context.plan.sweep.quiet_minutes)
        recent = any(trace.at > recently for trace in arrivals.by_way_of_old)
    then = f"{since:%Y-%m-%d %H:%M:%S} UTC"
    return PollResult(
        done=bool(users) and not late and not recent,
        summary=f"{len(users) - len(late)} of {len(users)} mailboxes were synced after {then}; {traced}",
        details=[*(f"{user.address}: last synced {user.last_synced or 'never'}" for user in late), *proposals(late)],
        asks=_ASKS if at_rest(late) else None,
    )
