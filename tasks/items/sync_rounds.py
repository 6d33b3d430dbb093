"""Whether a mailbox of the batch has been synced since a moment, and by which evidence.

Two kinds of evidence count, and each stands for something else.

1. `LastSuccessfulSyncTime` later than the moment: a sync has *copied something new* from the mailbox since then.
   Microsoft's own words for it are "the last time that any new items in the on-premises mailbox were copied"
   (OfficeDocs-Exchange, Migration users status report): of a mailbox that got no mail it stands still, for ever.
2. A completed round, and the mailbox is Synced after it, without an error: a sync of the whole batch that *began* after
   the moment has ended (`LastSyncedDateTime` of the batch), and *found nothing* that this mailbox lacked. That a round
   began after it is known where the batch was at rest when we asked for one, which the ledger says (SyncRequest).

Unverified: that LastSyncedDateTime moves at the end of each round, also of one that copied nothing. Whatever these say,
`reconcile_items` counts every item of both sides before port 25 is closed, and once more after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mailmove.errors import Blocked, Refused
from mailmove.tenant_state import MigrationBatch, MigrationUser
from mailmove.tenant_states import MIGRATION_BATCHES, MIGRATION_USERS, Step
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.names import batch_name
from tasks.ledger.payloads import SyncRequest
from tasks.traffic.server_clocks import ROUNDED

_UNDER_WAY = ("incrementalsyncing", "completing")
"""Statuses, in lower case, of a mailbox that was copied once and is being synced again."""


def is_at_rest(batch: MigrationBatch | None, mailboxes: Sequence[MigrationUser]) -> bool:
    """Whether no round is under way. A batch may say Syncing for groups alone, which wait for members."""
    if batch is None:
        return False
    if MIGRATION_BATCHES.step(batch.status) is not Step.WAIT:
        return True
    if batch.status.lower() != "syncing":
        return False
    syncing = [user for user in mailboxes if MIGRATION_USERS.step(user.status) is Step.WAIT]
    return bool(mailboxes) and not syncing and not any(user.status.lower() in _UNDER_WAY for user in mailboxes)


def round_since(context: Context, batch: MigrationBatch | None, since: datetime) -> datetime | None:
    """When a round that began after `since` had ended, by the target's clock; None: none has, as far as is known."""
    rounds = [request.after for request in _requests(context, since) if request.after]
    if batch is None or batch.last_round is None or not rounds:
        return None
    return batch.last_round if batch.last_round > min(rounds) else None


def _requests(context: Context, since: datetime) -> list[SyncRequest]:
    """What was asked for after `since`, in whichever stage."""
    requests = [request for _, request in context.ledger.payloads(SyncRequest)]
    return [request for request in requests if request.at and request.at > since]


def is_synced(user: MigrationUser, since: datetime, ended: datetime | None) -> bool:
    """By either evidence. ended: of a round that began after `since`."""
    if user.last_synced and user.last_synced > since:
        return True
    done = MIGRATION_USERS.step(user.status) is Step.DONE and user.status.lower() not in _UNDER_WAY
    return ended is not None and done and not user.error


def request_again(
    context: Context, batch: MigrationBatch | None, mailboxes: Sequence[MigrationUser], since: datetime
) -> None:
    """Ask once more where a round was under way at every request so far, and none is now: of such a one nobody knows
    whether it began after `since`."""
    if not any(request.after for request in _requests(context, since)) and is_at_rest(batch, mailboxes):
        request_round(context, batch, mailboxes, missing={})


def request_round(
    context: Context, batch: MigrationBatch | None, mailboxes: Sequence[MigrationUser], *, missing: dict[str, int]
) -> SyncRequest:
    """Ask for a sync now, and write down whether the batch was at rest. Where the service refuses, its daily cycle does
    the same; that is written down, too.
    """
    cloud = context.tenant
    resting = is_at_rest(batch, mailboxes)
    context.fence()
    at, refused = cloud.clock() + ROUNDED, ""
    after = (batch.last_round or at) if batch and resting else None
    try:
        cloud.migration.sync_now(batch_name(context.plan))
    except Refused:
        raise
    except Blocked as error:
        refused = error.seen
    request = SyncRequest(at=at, after=after, missing=missing, refused=refused)
    facts = [f"{address}: {count} missing" for address, count in missing.items()]
    facts += [f"no sync at once: {refused}"] if refused else []
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=request, facts=facts)
    return request
