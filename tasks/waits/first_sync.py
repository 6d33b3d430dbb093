"""Until every mailbox of the batch has been copied once; what fails is tried again, then a person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mailmove.clock import now
from mailmove.evidence import PollResult
from mailmove.report import forecast_rules
from mailmove.report.progress import COPIED, Progress, bars, watched
from mailmove.tenant_state import MigrationUser
from tasks.execution.context import Context
from tasks.items.copy_mailboxes import is_direct
from tasks.ledger.entry import EntryKind
from tasks.ledger.names import batch_name
from tasks.ledger.payloads import BatchRestart
from tasks.ledger.stored_values import stored_value

PROGRESS = "progress"
"""Key of the poll's state: `mailmove.report.progress.Progress`."""

_TRIES = 3
"""Times that failed mailboxes are started again soon; after that a person is asked, and it is tried now and then."""
_SOON, _NOW_AND_THEN = timedelta(minutes=10), timedelta(hours=1)
_SETTLED = ("failed", "syncedwitherrors", "synced", "stopped")
"""Statuses, lower case, of a batch that has come to rest."""
_ASKS = "Some mailboxes fail again and again. Mend what they name, or go on without them?"


FORECAST = forecast_rules.first_sync


async def poll(context: Context, previous: PollResult | None) -> PollResult:
    """One poll of the batch's users: how far each is, when the rest should be ready, what failed, what was left out."""
    return await asyncio.to_thread(_poll, context, previous)


async def remedy(context: Context, result: PollResult) -> PollResult:
    """Start the batch again for the mailboxes that have failed; it is written down before."""
    await asyncio.to_thread(_start_again, context)
    return result.model_copy(update={"remedy": False})


def _poll(context: Context, previous: PollResult | None) -> PollResult:
    if is_direct(context):
        copied_by_us = context.ledger.evidence("copy_mailboxes")
        return PollResult(done=copied_by_us is not None, summary="the mailboxes are copied by Mailmove itself")
    cloud, known = context.tenant, dict(previous.state) if previous else {}
    users = cloud.migration.users(batch_name(context.plan))
    # Asked once: it is a question to the old server's shell, and the first copy takes hours.
    totals: dict[str, int] = known.get("totals") or _totals(context)
    copied = [user for user in users if user.status in COPIED]
    failed = [user for user in users if _has_failed(user)]
    items = sum(user.synced_items for user in users)
    rate, began = _rate(known, items)
    remaining = [max(0, totals.get(user.address, 0) - user.synced_items) for user in users if user not in copied]
    forecast = now() + timedelta(seconds=sum(remaining) / rate) if rate and sum(remaining) else None
    summary = f"{len(copied)} of {len(users)} mailboxes copied, {items}{_of(sum(totals.values()))} items"
    summary += f", {rate * 60:.0f} a minute" if rate else ""
    summary += f"; {len(failed)} failed" if failed else ""
    restarts = [entry.at for entry, _ in context.ledger.payloads(BatchRestart)]
    skipped = [
        f"{user.address}: left out {item}"
        for user in users
        if user.skipped_items
        for item in cloud.migration.skipped_items(user.address)
    ]
    progress = watched(
        stored_value(Progress, known[PROGRESS], "how far the copy is") if PROGRESS in known else None, users, now()
    )
    done = bool(users) and len(copied) == len(users)
    return PollResult(
        done=done,
        summary=summary,
        forecast=forecast,
        details=[
            *(f"{user.address}: {user.error or user.status}" for user in failed),
            *_progress(users, totals),
            *skipped,
        ],
        asks=_ASKS if failed and len(restarts) >= _TRIES else None,
        remedy=bool(failed) and not done and _restart_is_due(context, restarts),
        picture=bars(progress),
        state={"totals": totals, **began, PROGRESS: progress.model_dump(mode="json")},
    )


def _totals(context: Context) -> dict[str, int]:
    """Address -> items at the source, as its statistics count them: what is hidden or deleted is among them."""
    return {box.address: box.item_count or 0 for box in context.source.inventory().moving}


def _has_failed(user: MigrationUser) -> bool:
    return "failed" in user.status.lower() or (bool(user.error) and user.status not in COPIED)


def _rate(known: dict[str, Any], items: int) -> tuple[float | None, dict[str, Any]]:
    """(items a second since the first poll that saw any, what the next poll must know for that)."""
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


def _restart_is_due(context: Context, restarts: list[datetime]) -> bool:
    """The batch has come to rest, and was not started again just now."""
    pause = _SOON if len(restarts) < _TRIES else _NOW_AND_THEN
    batch = context.tenant.migration.batch(batch_name(context.plan))
    settled = batch is not None and batch.status.lower() in _SETTLED
    return settled and (not restarts or now() - max(restarts) >= pause)


def _start_again(context: Context) -> None:
    """Start-MigrationBatch tries failed users again."""
    failed = [user for user in context.tenant.migration.users(batch_name(context.plan)) if _has_failed(user)]
    restarts = [entry.at for entry, _ in context.ledger.payloads(BatchRestart)]
    if not failed or not _restart_is_due(context, restarts):
        return  # somebody else has started it meanwhile
    facts = [f"{user.address}: {user.error or user.status}" for user in failed]
    restart = BatchRestart(failed=[user.address for user in failed])
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=restart, facts=facts)
    context.fence()
    context.tenant.migration.start_batch(batch_name(context.plan))
