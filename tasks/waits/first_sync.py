"""Until every mailbox of the batch has been copied once."""

from __future__ import annotations

import asyncio

from mailmove.evidence import Look
from mailmove.plan import Cutover
from tasks.ledger import Ledger
from tasks.naming import batch_name
from tasks.opening import tenant

_COPIED = ("Synced", "IncrementalSyncing", "IncrementalSynced", "Completed", "CompletedWithWarnings")


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """One look at the batch's users; a failed one is named, and holds the wait."""
    users = await asyncio.to_thread(lambda: tenant(cutover).migration_users(batch_name(cutover)))
    copied = [user for user in users if user.status in _COPIED]
    failed = [f"{user.address}: {user.error or user.status}" for user in users if user.error or user.status == "Failed"]
    items = sum(user.synced_items for user in users)
    summary = f"{len(copied)} of {len(users)} mailboxes copied, {items} items"
    if failed:
        summary += f"; {len(failed)} failed"
    skipped = [f"{user.address}: {user.skipped_items} items skipped" for user in users if user.skipped_items]
    return Look(done=bool(users) and len(copied) == len(users), summary=summary, details=failed + skipped)
