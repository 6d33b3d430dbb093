"""Reconcile every item of every mailbox; what the service leaves behind is copied or delivered again, once each.

The order guards against doubles: first Microsoft's own sync is asked for, and only what is still missing after a
sync that began later is ours to deliver.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import datetime

from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Evidence, Receipt
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.items.copy_missing import Missing, copy_missing
from tasks.items.item_report import compare
from tasks.items.redeliver import deliver_again
from tasks.ledger.entry import EntryKind
from tasks.ledger.names import batch_name
from tasks.ledger.payloads import LeftItem, ReconciledMailbox, Reconciliation, SyncRequest
from tasks.traffic.server_clocks import ROUNDED

_NAMED = 20
"""Items named in a message; a message is read by people."""


@dataclass(frozen=True)
class Reconciled:
    """facts: one a mailbox. left: items that stay behind, as the plan tolerates."""

    facts: list[str]
    mailboxes: list[ReconciledMailbox]
    left: list[LeftItem] = field(default_factory=list)


def reconcile(context: Context) -> Reconciled:
    """Return when every item is accounted for.

    NotYet: a sync is under way, or what was delivered again is not visible yet. Blocked: more items than the plan
    tolerates cannot be moved; each is named, the first of them here and all in the list of items.
    """
    accounts = compare(context, context.stage)
    facts = [account.line() for account in accounts]
    counted = [ReconciledMailbox(mailbox=account.mailbox, words=account.counts()) for account in accounts]
    missing = {account.mailbox: account.lost for account in accounts if account.lost}
    if not missing:
        return Reconciled(facts, counted)
    _wait_for_sync(context, missing)
    copied, missing = copy_missing(context, missing)
    if not missing and not copied:
        # Copies of ours bear a mark, and are known by it where the two servers name the same item differently.
        return Reconciled([*facts, "what is missing by name is there, as copies that bear our mark"], counted)
    left = [
        LeftItem(mailbox=address, kind=item.kind, folder=item.folder, subject=item.subject, reason=why)
        for address, item, why in deliver_again(context, missing)
    ]
    if len(left) > context.plan.sweep.tolerated_missing:
        more = f"; and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        raise Blocked(
            "accounting",
            wanted="every item at Microsoft 365",
            seen=f"{len(left)} cannot be moved: {'; '.join(str(item) for item in left[:_NAMED])}{more}",
            todo=f"The artifact items-{context.plan.customer} lists all. Move them by hand, or raise "
            "sweep.tolerated_missing in the plan.",
        )
    under_way = sum(map(len, missing.values())) - len(left)
    not_handed_on = sum(account.missing - len(account.lost) for account in accounts)
    if left and not under_way and not copied and not not_handed_on:
        return Reconciled([*facts, *(f"stays behind, as the plan tolerates: {item}" for item in left)], counted, left)
    raise NotYet(
        "Microsoft 365",
        wanted="what was copied and delivered again to show",
        seen=f"{copied} copied just now, {under_way} delivered and not visible yet, {not_handed_on} for the next round",
        todo="It is looked at again.",
    )


def ask_for_missing(context: Context) -> Receipt:
    """One try; what takes Microsoft longer is for `record_reconciled` to wait for."""
    with contextlib.suppress(NotYet):
        reconcile(context)
    return Receipt(stage=context.stage)


def record_reconciled(context: Context) -> Evidence:
    """Compare, and write down the outcome; raises as `reconcile` does."""
    outcome = reconcile(context)
    return record_evidence(
        context, context.stage, outcome.facts, Reconciliation(mailboxes=outcome.mailboxes, left=outcome.left)
    )


def _wait_for_sync(context: Context, missing: Missing) -> None:
    """Returns when a sync that began after these items were seen is over. All in Microsoft's time."""
    asked = _asked(context)
    newest = max((item.received for items in missing.values() for item in items if item.received), default=None)
    cloud = context.tenant
    if cloud.migration.batch(batch_name(context.plan)) is None:
        return  # removed already: nobody will sync any more
    target_time = cloud.clock()
    arrived = newest + (target_time - context.source.clock()) + ROUNDED if newest else None
    if asked is None or (arrived and arrived > asked):
        context.fence()
        cloud.migration.sync_now(batch_name(context.plan))
        counts = {address: len(items) for address, items in missing.items()}
        request = SyncRequest(at=target_time + ROUNDED, missing=counts)
        facts = [f"{address}: {count} missing" for address, count in counts.items()]
        context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=request, facts=facts)
        raise NotYet(
            "Exchange Online",
            wanted="a sync for the missing items",
            seen="just asked for",
            todo="It is looked at again.",
        )
    late = [
        user.address
        for user in cloud.migration.users(batch_name(context.plan))
        if user.address in missing and not (user.last_synced and user.last_synced > asked)
    ]
    if late:
        raise NotYet(
            "Exchange Online",
            wanted="a sync of every mailbox that misses items",
            seen=f"not yet: {', '.join(late)}",
            todo="It is looked at again.",
        )


def _asked(context: Context) -> datetime | None:
    """When this stage asked for a sync last, by Microsoft's clock."""
    times = [request.at for _, request in context.ledger.payloads(SyncRequest, context.stage) if request.at]
    return times[-1] if times else None
