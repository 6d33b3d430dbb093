"""Until every mailbox of the batch has been copied once; what fails is tried again, then a person is asked.

Groups and contacts stand in the same batch, and may wait for ever for a member: they are named, and not waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mailmove.clock import now
from mailmove.errors import MailmoveError, Refused
from mailmove.evidence import PollResult
from mailmove.report import forecast_rules
from mailmove.report.progress import Progress, bars, watched
from mailmove.tenant_state import MigrationBatch, MigrationUser
from mailmove.tenant_states import MIGRATION_BATCHES, MIGRATION_USERS, Step
from tasks.execution.context import Context
from tasks.items.batch_users import at_rest, batch_rows, proposals
from tasks.items.mover_choice import is_direct
from tasks.ledger.entry import EntryKind
from tasks.ledger.names import batch_name
from tasks.ledger.payloads import BatchRestart
from tasks.ledger.stored_values import stored_value

PROGRESS = "progress"
"""Key of the poll's state: `mailmove.report.progress.Progress`."""

_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (0, 10, 10, 120, 480))
"""Time before each start of failed mailboxes, since the one before; then there is no further one. Each is written down
(BatchRestart)."""
_TRIES = 3
"""Starts after which a person is asked; the later ones are for what they have mended."""
_STILL = timedelta(hours=3)
"""Time in which nothing at all has moved in a batch that says that it is under way: it may wait for ever ("job is
poisoned")."""
_STALLED = 3
"""Polls in a row in which every mailbox is at rest, and the batch says that it is under way."""
_ASKS = "Some mailboxes fail again and again. Mend what they name, or go on without them?"
_RESTS = "Some mailboxes do not go on by themselves. Do what stands beside them, or go on without them?"
_STANDS = "Nothing moves in the batch any more. Look at it in the Exchange admin centre, or go on without the rest?"
_BATCH_RESTS = "The batch does not go on by itself. Do what stands beside it, or go on without what it has not copied?"


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
    rows = batch_rows(context)
    users = rows.mailboxes
    # Asked once: it is a question to the old server's shell, and the first copy takes hours.
    totals: dict[str, int] = known["totals"] if "totals" in known else _totals(context)
    batch = cloud.migration.batch(batch_name(context.plan))
    copied = [user for user in users if MIGRATION_USERS.step(user.status) is Step.DONE]
    failed = [user for user in users if _has_failed(user)]
    items = sum(user.synced_items for user in users)
    rate, began = _rate(known, items)
    remaining = _remaining([user for user in users if user not in copied], totals)
    forecast = now() + timedelta(seconds=remaining / rate) if rate and remaining else None
    unknown = any(user.address not in totals for user in users)
    known_total = sum(totals.values()) if totals else None
    summary = f"{len(copied)} of {len(users)} mailboxes copied, {items}{_of(known_total, unknown)} items"
    summary += f", {rate * 60:.0f} a minute" if rate else ""
    summary += f"; {len(failed)} failed" if failed else ""
    summary += f"; {line}" if (line := rows.others_line()) else ""
    restarts = [entry.at for entry, _ in context.ledger.payloads(BatchRestart)]
    skipped = [
        f"{user.address}: left out {item}" for user in users if user.skipped_items for item in _skipped(context, user)
    ]
    progress = watched(
        stored_value(Progress, known[PROGRESS], "how far the copy is") if PROGRESS in known else None, users, now()
    )
    done = bool(users) and len(copied) == len(users)
    movement = _movement(known, users, batch)
    asks = None if done else _asks(users, batch, restarts, movement)
    return PollResult(
        done=done,
        summary=summary,
        forecast=forecast,
        details=[
            *_batch_words(context, batch, done=done),
            *(f"{user.address}: {user.error or user.status}" for user in failed),
            *proposals(users),
            *_progress(users, totals),
            *rows.others_details(),
            *skipped,
        ],
        asks=asks,
        remedy=bool(failed) and not done and _restart_is_due(batch, restarts),
        picture=bars(progress),
        state={"totals": totals, **began, **movement, PROGRESS: progress.model_dump(mode="json")},
    )


def _skipped(context: Context, user: MigrationUser) -> list[str]:
    """What was left out of a mailbox, by name; that its names cannot be read holds nobody up."""
    try:
        return [str(item) for item in context.tenant.migration.skipped_items(user.address)]
    except Refused:
        raise
    except MailmoveError as error:
        return [f"{user.skipped_items} items, whose names cannot be read: {error.seen}"]


def _totals(context: Context) -> dict[str, int]:
    """Address -> items at the source, as its statistics count them: what is hidden or deleted is among them.

    A mailbox whose count the server does not show is not in it.
    """
    boxes = context.source.inventory().moving
    return {box.address: box.item_count for box in boxes if box.item_count is not None}


def _remaining(users: list[MigrationUser], totals: dict[str, int]) -> int | None:
    """Items still to copy; None: of one of these mailboxes nobody knows how many it holds."""
    if any(user.address not in totals for user in users):
        return None
    return sum(max(0, totals[user.address] - user.synced_items) for user in users)


def _has_failed(user: MigrationUser) -> bool:
    """It is started again. One under way that has an error has come to rest, whatever its state says ("poisoned")."""
    step = MIGRATION_USERS.step(user.status)
    return step is Step.START or (step is Step.WAIT and bool(user.error))


def _asks(
    users: list[MigrationUser], batch: MigrationBatch | None, restarts: list[datetime], movement: dict[str, Any]
) -> str | None:
    """What a person must decide, if anything."""
    if batch is None or MIGRATION_BATCHES.step(batch.status) is Step.ASK:
        return _BATCH_RESTS
    if at_rest(users):
        return _RESTS
    if any(map(_has_failed, users)) and len(restarts) >= _TRIES:
        return _ASKS
    stands = now() - datetime.fromisoformat(movement["moved"]) >= _STILL
    return _STANDS if stands or movement["stalled"] >= _STALLED else None


def _movement(known: dict[str, Any], users: list[MigrationUser], batch: MigrationBatch | None) -> dict[str, Any]:
    """When anything in the batch was last seen to change; and polls in a row that found it at rest, and not over."""
    picture = sorted([user.address, user.status, user.synced_items] for user in users)
    under_way = batch is not None and MIGRATION_BATCHES.step(batch.status) is Step.WAIT
    at_rest_now = under_way and all(
        _has_failed(user) or MIGRATION_USERS.step(user.status) is not Step.WAIT for user in users
    )
    same = known.get("picture") == picture
    return {
        "picture": picture,
        "moved": known["moved"] if same and "moved" in known else now().isoformat(),
        "stalled": int(known.get("stalled", 0)) + 1 if same and at_rest_now else 0,
    }


def _batch_words(context: Context, batch: MigrationBatch | None, *, done: bool) -> Iterator[str]:
    if batch is None:
        yield f"{batch_name(context.plan)}: there is no such batch; have it made again"
    elif not done and (todo := MIGRATION_BATCHES.of(batch.status).todo):
        yield f"{batch.name} is {batch.status}: {todo}"


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
        if MIGRATION_USERS.step(user.status) is Step.WAIT and not _has_failed(user):
            yield f"{user.address}: {user.status}, {user.synced_items}{_of(totals.get(user.address))} items"


def _of(total: int | None, at_least: bool = False) -> str:
    if total is None:
        return ""
    return f" of {'at least' if at_least else 'about'} {total}"


def _restart_is_due(batch: MigrationBatch | None, restarts: list[datetime]) -> bool:
    """The batch has come to rest, may be started again, and was not started just now, nor too often."""
    if batch is None or MIGRATION_BATCHES.step(batch.status) not in (Step.START, Step.DONE):
        return False
    if len(restarts) >= len(_PAUSES):
        return False
    return not restarts or now() - max(restarts) >= _PAUSES[len(restarts)]


def _start_again(context: Context) -> None:
    """Start-MigrationBatch tries failed users again."""
    failed = [user for user in batch_rows(context).mailboxes if _has_failed(user)]
    restarts = [entry.at for entry, _ in context.ledger.payloads(BatchRestart)]
    batch = context.tenant.migration.batch(batch_name(context.plan))
    if not failed or not _restart_is_due(batch, restarts):
        return  # somebody else has started it meanwhile
    facts = [f"{user.address}: {user.error or user.status}" for user in failed]
    restart = BatchRestart(failed=[user.address for user in failed])
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=restart, facts=facts)
    context.fence()
    context.tenant.migration.start_batch(batch_name(context.plan))
