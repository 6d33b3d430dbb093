"""Microsoft's own rule before a batch is removed: after that nothing is copied any more.

Every mailbox must have been synced after the moment when mail reached the cloud everywhere ("cutover migration to
Microsoft 365"); and message trace shows whether mail still comes by way of the old server.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailmove.errors import Blocked
from mailmove.evidence import Look
from mailmove.plan.cutover import Cutover
from tasks.execution.open_blocks import tenant
from tasks.ledger.ledger import Ledger
from tasks.ledger.names import batch_name
from tasks.traffic.message_traces import reached
from tasks.traffic.server_clocks import when


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """Where the tenant shows no message trace, that is said, and the rule of the last sync decides alone."""
    return await asyncio.to_thread(_look, cutover, ledger)


def _look(cutover: Cutover, ledger: Ledger) -> Look:
    cloud = tenant(cutover)
    if cloud.migration.batch(batch_name(cutover)) is None:
        return Look(done=True, summary="there is no batch to remove")
    since = when("propagation", cloud, "Microsoft 365", ledger)
    users = cloud.migration.users(batch_name(cutover))
    behind = [user for user in users if not user.last_synced or user.last_synced <= since]
    try:
        seen = reached(cutover, since)
    except Blocked as error:
        traced, late = f"message trace could not be asked: {error}", False
    else:
        traced = str(seen)
        recently = cloud.clock() - timedelta(minutes=cutover.sweep.quiet_minutes)
        late = any(one.at > recently for one in seen.by_way_of_old)
    then = f"{since:%Y-%m-%d %H:%M:%S} UTC"
    return Look(
        done=bool(users) and not behind and not late,
        summary=f"{len(users) - len(behind)} of {len(users)} mailboxes were synced after {then}; {traced}",
        details=[f"{one.address}: last synced {one.last_synced or 'never'}" for one in behind],
    )
