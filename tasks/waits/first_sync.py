"""Until every mailbox of the batch has been copied once; what fails is tried again, then a person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mailmove.evidence import Look, now
from mailmove.plan.cutover import Cutover
from mailmove.report.progress import COPIED, Progress, bars, watched
from mailmove.tenant_state import MigrationUser
from tasks.execution.open_blocks import source_server, tenant
from tasks.items.copy_mailboxes import is_direct
from tasks.ledger.ledger import Ledger
from tasks.ledger.names import batch_name

PROGRESS = "progress"
"""Key of the look's state: `mailmove.report.progress.Progress`."""

_TRIES = 3
"""Times that failed mailboxes are started again soon; after that a person is asked, and it is tried now and then."""
_SOON, _NOW_AND_THEN = timedelta(minutes=10), timedelta(hours=1)
_AGAIN = "first_sync: started again"
_ASKS = "Some mailboxes fail again and again. Mend what they name, or go on without them?"


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """One look at the batch's users: how far each is, when the rest should be ready, what failed, what was left out."""
    return await asyncio.to_thread(_look, cutover, ledger, previous)


def _look(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    if is_direct(cutover):
        copied_by_us = ledger.evidence("copy_mailboxes")
        return Look(done=copied_by_us is not None, summary="the mailboxes are copied by Mailmove itself")
    cloud, known = tenant(cutover), dict(previous.state) if previous else {}
    users = cloud.migration.users(batch_name(cutover))
    # Asked once: it is a question to the old server's shell, and the first copy takes hours.
    totals: dict[str, int] = known.get("totals") or _totals(cutover)
    copied = [user for user in users if user.status in COPIED]
    failed = [user for user in users if _has_failed(user)]
    items = sum(user.synced_items for user in users)
    rate, began = _rate(known, items)
    remaining = [max(0, totals.get(user.address, 0) - user.synced_items) for user in users if user not in copied]
    forecast = now() + timedelta(seconds=sum(remaining) / rate) if rate and sum(remaining) else None
    summary = f"{len(copied)} of {len(users)} mailboxes copied, {items}{_of(sum(totals.values()))} items"
    summary += f", {rate * 60:.0f} a minute" if rate else ""
    summary += f"; {len(failed)} failed" if failed else ""
    tries = _start_again(cutover, ledger, failed) if failed else 0
    skipped = [
        f"{user.address}: left out {item}"
        for user in users
        if user.skipped_items
        for item in cloud.migration.skipped_items(user.address)
    ]
    progress = watched(Progress.model_validate(known[PROGRESS]) if PROGRESS in known else None, users, now())
    return Look(
        done=bool(users) and len(copied) == len(users),
        summary=summary,
        forecast=forecast,
        details=[*(f"{one.address}: {one.error or one.status}" for one in failed), *_progress(users, totals), *skipped],
        asks=_ASKS if failed and tries >= _TRIES else None,
        picture=bars(progress),
        state={"totals": totals, **began, PROGRESS: progress.model_dump(mode="json")},
    )


def _totals(cutover: Cutover) -> dict[str, int]:
    """Address -> items at the source, as its statistics count them: what is hidden or deleted is among them."""
    return {box.address: box.item_count or 0 for box in source_server(cutover).inventory().moving}


def _has_failed(user: MigrationUser) -> bool:
    return "failed" in user.status.lower() or (bool(user.error) and user.status not in COPIED)


def _rate(known: dict[str, Any], items: int) -> tuple[float | None, dict[str, Any]]:
    """(items a second since the first look that saw any, what the next look must know for that)."""
    if "began" not in known:
        return None, {"began": now().isoformat(), "items": items}
    seconds = (now() - datetime.fromisoformat(known["began"])).total_seconds()
    gained = items - int(known["items"])
    rate = gained / seconds if gained > 0 and seconds > 0 else None
    return rate, {"began": known["began"], "items": known["items"]}


def _progress(users: list[MigrationUser], totals: dict[str, int]) -> Iterator[str]:
    """Those that are not ready yet, one line each."""
    for user in users:
        if user.status not in COPIED and not _has_failed(user):
            yield f"{user.address}: {user.status}, {user.synced_items}{_of(totals.get(user.address, 0))} items"


def _of(total: int) -> str:
    return f" of about {total}" if total else ""


def _start_again(cutover: Cutover, ledger: Ledger, failed: list[MigrationUser]) -> int:
    """Start-MigrationBatch tries failed users again. How often that was done; it is written down before."""
    done = [entry.at for entry in ledger.entries() if entry.stage == _AGAIN]
    pause = _SOON if len(done) < _TRIES else _NOW_AND_THEN
    batch = tenant(cutover).migration.batch(batch_name(cutover))
    settled = batch is not None and batch.status.lower() in ("failed", "syncedwitherrors", "synced", "stopped")
    if settled and (not done or now() - max(done) >= pause):
        ledger.record("evidence", _AGAIN, facts=[f"{one.address}: {one.error or one.status}" for one in failed])
        tenant(cutover).migration.start_batch(batch_name(cutover))
    return len(done)
