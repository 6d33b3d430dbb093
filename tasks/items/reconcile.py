"""Reconcile every item of every mailbox; what the service leaves behind is copied or delivered again, once each.

The order guards against doubles: first Microsoft's own sync is asked for, and only what is still missing after a
sync that began later is ours to deliver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Receipt
from mailmove.items.item import Item
from mailmove.items.reconcile.verdicts import MEANS
from mailmove.leavable import Leavable
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.items.batch_users import batch_rows
from tasks.items.copy_missing import Missing, copy_missing
from tasks.items.item_report import compare, thing_of
from tasks.items.left_out import Decisions, ask_about, left_folder, left_item, single_item
from tasks.items.redeliver import deliver_again
from tasks.items.sync_rounds import is_synced, request_again, request_round, round_since
from tasks.ledger.names import batch_name
from tasks.ledger.payloads import LeftFolder, LeftItem, ReconciledMailbox, Reconciliation, SyncRequest
from tasks.traffic.server_clocks import ROUNDED


@dataclass(frozen=True)
class Reconciled:
    """facts: one a mailbox. left: items that stay behind, as the plan tolerates or a person decided. not_read: what
    could not be compared, and a person decided to do without."""

    facts: list[str]
    mailboxes: list[ReconciledMailbox]
    left: list[LeftItem] = field(default_factory=list)
    not_read: list[LeftFolder] = field(default_factory=list)


def reconcile(context: Context) -> Reconciled:
    """Return when every item is accounted for.

    NotYet: a sync is under way, or what was delivered again is not visible yet. Blocked: more items than the plan
    tolerates cannot be moved, or a folder or mailbox cannot be read; all of them in one question, once nothing is under
    way any more. What a person left out is not asked about again.
    """
    decisions = Decisions(context)
    accounts = compare(context, context.stage)
    facts = [account.line() for account in accounts]
    counted = [ReconciledMailbox(mailbox=account.mailbox, words=account.counts()) for account in accounts]
    not_read = [thing_of(account.mailbox, part) for account in accounts for part in account.unread if not part.item]
    lost = [(account.mailbox, item) for account in accounts for item in account.lost]
    open_ones, decided = _undecided(decisions, lost, "missing at the target")
    missing: Missing = {}
    for address, item in open_ones:
        missing.setdefault(address, []).append(item)
    copied, given_up = 0, list[tuple[str, Item, str]]()
    if missing:
        _wait_for_sync(context, missing)
        copied, remaining, reasons = copy_missing(context, missing)
        if not remaining and not copied:
            # Copies of ours bear a mark, and are known by it where the two servers name the same item differently.
            facts.append("what is missing by name is there, as copies that bear our mark")
        given_up = [
            (address, item, reasons.get((address, item.id), why))
            for address, item, why in deliver_again(context, remaining)
        ]
        missing = remaining
    under_way = sum(map(len, missing.values())) - len(given_up)
    not_handed_on = sum(account.missing - len(account.lost) for account in accounts)
    if under_way or copied or not_handed_on:
        raise NotYet(
            "Microsoft 365",
            wanted="what was copied and delivered again to show",
            seen=f"{copied} copied just now, {under_way} delivered and not visible yet, {not_handed_on} for the next "
            "round",
            todo="It is looked at again.",
        )
    unproved = [(account.mailbox, item) for account in accounts for item in account.unproved]
    open_ones, also_decided = _undecided(decisions, unproved, MEANS["unproved"])
    decided += also_decided
    given_up += [(address, item, MEANS["unproved"]) for address, item in open_ones]
    _ask(context, decisions, not_read, given_up)
    left = [*decided, *(left_item(address, item, why) for address, item, why in given_up)]
    closed = [left_folder(thing, decisions.words(thing)) for thing in not_read]
    facts += [_stays_behind(item) for item in left]
    facts += [f"not compared: {folder}" for folder in closed]
    return Reconciled(facts, counted, left, closed)


def _stays_behind(item: LeftItem) -> str:
    return f"stays behind: {item}" if item.decision else f"stays behind, as the plan tolerates: {item}"


def _undecided(
    decisions: Decisions, items: Iterable[tuple[str, Item]], why: str
) -> tuple[list[tuple[str, Item]], list[LeftItem]]:
    """(what nobody has decided about, what a person decided to leave), of items with their mailboxes. why: they are
    among them, for the report."""
    open_ones: list[tuple[str, Item]] = []
    decided: list[LeftItem] = []
    for address, item in items:
        words = decisions.words(single_item(address, item, ""))
        if words:
            decided.append(left_item(address, item, why, words))
        else:
            open_ones.append((address, item))
    return open_ones, decided


def _ask(
    context: Context, decisions: Decisions, not_read: list[Leavable], given_up: list[tuple[str, Item, str]]
) -> None:
    """Blocked: what a person must decide about, all of it at once."""
    things = list(decisions.undecided(not_read))
    if len(given_up) > context.plan.sweep.tolerated_missing:
        things += [single_item(address, item, why) for address, item, why in given_up]
    if things:
        raise ask_about(
            "accounting",
            "every item at Microsoft 365",
            things,
            f"The artifact items-{context.plan.customer} lists all. Mend it, or move them by hand, or raise "
            "sweep.tolerated_missing in the plan for single items, or leave out what is named here.",
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
        context,
        context.stage,
        outcome.facts,
        Reconciliation(mailboxes=outcome.mailboxes, left=outcome.left, not_read=outcome.not_read),
    )


def _wait_for_sync(context: Context, missing: Missing) -> None:
    """Returns when a sync that began after these items were seen is over. All in Microsoft's time."""
    asked = _asked(context)
    cloud = context.tenant
    batch = cloud.migration.batch(batch_name(context.plan))
    if batch is None:
        return  # removed already: nobody will sync any more
    target_time, source_time = cloud.clock(), context.source.clock()
    times = [item.received for items in missing.values() for item in items if item.received]
    # One that says that it comes in the future, as events may, has been there for nobody knows how long.
    newest = max((at for at in times if at <= source_time + ROUNDED), default=None)
    arrived = newest + (target_time - source_time) + ROUNDED if newest else None
    if asked is None or (arrived and arrived > asked):
        request_round(
            context, batch, batch_rows(context).mailboxes,
            missing={address: len(items) for address, items in missing.items()},
        )  # fmt: skip
        raise NotYet(
            "Exchange Online",
            wanted="a sync for the missing items",
            seen="just asked for",
            todo="It is looked at again.",
        )
    mailboxes = batch_rows(context).mailboxes
    ended = round_since(context, batch, asked - ROUNDED)
    late = [user.address for user in mailboxes if user.address in missing and not is_synced(user, asked, ended)]
    if late:
        request_again(context, batch, mailboxes, asked - ROUNDED)
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
