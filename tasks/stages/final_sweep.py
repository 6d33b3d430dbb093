"""Ask for a last sync of every mailbox, later than the moment when mail reached the cloud everywhere."""

from __future__ import annotations

from datetime import datetime

from mailmove.errors import Blocked, NotYet, Refused
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.tenant_state import MigrationUser
from tasks.execution.apply_and_undo import witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.items.copy_mailboxes import copy_mailboxes, is_direct, lines_of
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.ledger.names import batch_name
from tasks.traffic.server_clocks import when

NAME = "final_sweep"
_COPIED = f"{NAME}: copied"


def _since(cutover: Cutover) -> datetime:
    """When the world had noticed, in Microsoft's time; before that there is nothing to sweep after."""
    return when("propagation", tenant(cutover), "Microsoft 365", Ledger(cutover.customer, this_cutover()))


def _behind(cutover: Cutover, since: datetime) -> list[str]:
    """Every mailbox that moves counts: one that the batch does not know is behind for good, and is named."""
    users = tenant(cutover).migration.users(batch_name(cutover))
    known = {user.address.lower() for user in users}
    strangers = [box.address for box in source_server(cutover).inventory().moving if box.address.lower() not in known]
    return [
        *(f"{address} (not in the batch)" for address in strangers),
        *(_told(user) for user in users if not user.last_synced or user.last_synced <= since),
    ]


def _told(user: MigrationUser) -> str:
    """With Microsoft's own words for what is wrong, if anything: it may never be synced as it is."""
    wrong = f"; {user.status}: {user.error}" if user.error else ""
    return f"{user.address} (last synced {user.last_synced or 'never'}{wrong})"


@look
def check(cutover: Cutover) -> Preview:
    """It changes no settings: it asks for a sync."""
    return Preview(stage=NAME)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Sync now; where Microsoft does not, its daily cycle comes by all the same."""
    ledger = Ledger(cutover.customer, this_cutover())
    if is_direct(cutover):
        ledger.record("evidence", _COPIED, facts=lines_of(copy_mailboxes(cutover)))
    elif tenant(cutover).migration.batch(batch_name(cutover)) and _behind(cutover, _since(cutover)):
        try:
            tenant(cutover).migration.sync_now(batch_name(cutover))
        except Refused:
            raise
        except Blocked as error:
            ledger.record("evidence", f"{NAME}: no sync at once", facts=[str(error)])
    return Receipt(stage=NAME)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Microsoft's own rule: each mailbox was synced after mail reached the cloud everywhere."""
    if is_direct(cutover):
        copied = Ledger(cutover.customer, this_cutover()).evidence(_COPIED)
        return witness(cutover, NAME, copied.facts if copied else ["nothing was copied again"])
    since = _since(cutover)
    behind = _behind(cutover, since)
    if behind:
        raise NotYet(
            "Exchange Online",
            wanted=f"every mailbox synced after {since:%H:%M:%S} UTC",
            seen=f"{len(behind)} behind: {'; '.join(behind[:5])}",
            todo="It is looked at again; the daily cycle is the slowest case.",
        )
    return witness(cutover, NAME, [f"every mailbox was synced after {since.isoformat()}"])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """There is nothing to put back: copies are only ever added."""
    return Receipt(stage=NAME)
