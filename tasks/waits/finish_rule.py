"""Microsoft's own rule before a batch is removed: after that nothing is copied any more.

Every mailbox must have been synced after the moment when mail reached the cloud everywhere ("cutover migration to
Microsoft 365"), and message trace shows whether mail still comes by way of the old server. Groups and contacts are
named, and not waited for.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from mailmove.errors import Blocked
from mailmove.evidence import PollResult
from mailmove.tenant_state import MigrationBatch
from tasks.execution.context import Context
from tasks.items.batch_users import at_rest, batch_rows, proposals
from tasks.items.sync_rounds import is_synced, round_since
from tasks.ledger.names import batch_name
from tasks.traffic.message_traces import reached
from tasks.traffic.server_clocks import when

_FIRST = "first_round"
"""Key of the poll's state."""
_ASKS = "Some mailboxes are not synced any more by themselves. Mend what stands beside them, or go on without them?"


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """Where the tenant shows no message trace, that is said, and the rule of the last sync decides alone."""
    return await asyncio.to_thread(_poll, context, previous)


def _poll(context: Context, previous: PollResult | None) -> PollResult:
    cloud, known = context.tenant, dict(previous.state) if previous else {}
    batch = cloud.migration.batch(batch_name(context.plan))
    if batch is None:
        return PollResult(done=True, summary="there is no batch to remove")
    since = when(context, "propagation", "target")
    rows = batch_rows(context)
    users = rows.mailboxes
    ended, first = _rounds(context, batch, since, known)
    late = [user for user in users if not is_synced(user, since, ended)]
    line = f"; {rows.others_line()}" if rows.others else ""
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
        summary=f"{len(users) - len(late)} of {len(users)} mailboxes were synced after {then}; {traced}{line}",
        details=[
            *(f"{user.address}: {user.status}, last copied from {user.last_synced or 'never'}" for user in late),
            *proposals(late),
            *rows.others_details(),
        ],
        asks=_ASKS if at_rest(late) else None,
        state={_FIRST: first.isoformat()} if first else {},
    )


def _rounds(
    context: Context, batch: MigrationBatch, since: datetime, known: dict[str, Any]
) -> tuple[datetime | None, datetime | None]:
    """(end of a round that is known to have begun after `since`, the first end after `since` that a poll has seen).

    Of two rounds that ended after it, the later one began after the earlier one's end.
    """
    first = datetime.fromisoformat(known[_FIRST]) if _FIRST in known else None
    if first is None and batch.last_round and batch.last_round > since:
        first = batch.last_round
    second = batch.last_round if first and batch.last_round and batch.last_round > first else None
    return round_since(context, batch, since) or second, first
