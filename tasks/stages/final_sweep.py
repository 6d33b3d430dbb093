"""Ask for a last sync of every mailbox, later than the moment when mail reached the cloud everywhere."""

from __future__ import annotations

from datetime import datetime

from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.report import forecast_rules
from mailmove.tenant_state import MigrationBatch, MigrationUser
from mailmove.tenant_states import MIGRATION_USERS, Step
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.batch_users import batch_rows, proposals, thing
from tasks.items.copy_mailboxes import copies, copy_mailboxes, record_copy
from tasks.items.mover_choice import is_direct
from tasks.items.recipient_arrival import recipient_facts
from tasks.items.sync_rounds import is_synced, request_again, request_round, round_since
from tasks.ledger.names import batch_name
from tasks.traffic.server_clocks import when

NAME = "final_sweep"
FORECAST = forecast_rules.last_sync
_AT_REST = ("Failed", "CompletionFailed")
"""SyncNow "doesn't resume any Failed users" (page of Set-MigrationBatch)."""


def _since(context: Context) -> datetime:
    """When the world had noticed, in Microsoft's time; before that there is nothing to sweep after."""
    return when(context, "propagation", "target")


def _not_synced(
    context: Context, since: datetime, batch: MigrationBatch | None, users: list[MigrationUser]
) -> list[MigrationUser]:
    """Every mailbox that moves counts, but those left out by decision. One that the batch does not know has no status:
    it is behind for good."""
    known = {user.address.lower() for user in users}
    moving = [box.address for box in context.source.inventory().moving if box.address.lower() not in known]
    ended = round_since(context, batch, since)
    late = [user for user in users if not is_synced(user, since, ended)]
    strangers = [MigrationUser(address=address, status="") for address in moving]
    return [user for user in (*strangers, *late) if not context.is_left_out(thing(user))]


def _will_not_be(user: MigrationUser) -> bool:
    """Neither a sync at once nor the daily one takes it up: the batch does not know it, or it has come to rest."""
    return not user.status or user.status in _AT_REST or MIGRATION_USERS.step(user.status) is Step.ASK


def _described(user: MigrationUser) -> str:
    """With Microsoft's own words for what is wrong, if anything: it may never be synced as it is."""
    if not user.status:
        return f"{user.address} (not in the batch)"
    wrong = f"; {user.status}: {user.error}" if user.error or _will_not_be(user) else ""
    return f"{user.address} (last synced {user.last_synced or 'never'}{wrong})"


@check_task
def check(context: Context) -> Preview:
    """It changes no settings: it asks for a sync."""
    return Preview(stage=NAME)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Sync now; where Microsoft does not, its daily cycle comes by all the same."""
    if is_direct(context):
        record_copy(context, copy_mailboxes(context))
        return Receipt(stage=NAME)
    if batch := context.tenant.migration.batch(batch_name(context.plan)):
        mailboxes = batch_rows(context).mailboxes
        if _not_synced(context, _since(context), batch, mailboxes):
            request_round(context, batch, mailboxes, missing={})
    return Receipt(stage=NAME)


@verify_task
def verify(context: Context) -> Evidence:
    """Microsoft's own rule: each mailbox was synced after mail reached the cloud everywhere. By which evidence:
    `tasks/items/sync_rounds.py`. Blocked: some never will be, as they are; they can be left out. Groups and contacts
    that have not arrived are named, and hold nothing up."""
    if is_direct(context):
        copied = copies(context)
        return record_evidence(context, NAME, copied[-1].facts if copied else ["nothing was copied again"])
    since = _since(context)
    batch, mailboxes = context.tenant.migration.batch(batch_name(context.plan)), batch_rows(context).mailboxes
    late = _not_synced(context, since, batch, mailboxes)
    wanted = f"every mailbox synced after {since:%H:%M:%S} UTC"
    stuck = [user for user in late if _will_not_be(user)]
    if stuck and len(stuck) == len(late):  # asked once, and about all of them
        raise Blocked(
            "Exchange Online",
            wanted=wanted,
            seen="; ".join(map(_described, stuck)),
            todo=" ".join(proposals(stuck)) or "Start the batch again in the Exchange admin centre, or go on without.",
            leaves=tuple(map(thing, stuck)),
        )
    if late:
        request_again(context, batch, mailboxes, since)
        raise NotYet(
            "Exchange Online",
            wanted=wanted,
            seen=f"{len(late)} not synced yet: {'; '.join(map(_described, late[:5]))}",
            todo="It is looked at again; the daily cycle is the slowest case.",
        )
    facts = [f"every mailbox was synced after {since.isoformat()}", *recipient_facts(context)]
    return record_evidence(context, NAME, facts)


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """There is nothing to put back: copies are only ever added."""
    return Receipt(stage=NAME)
