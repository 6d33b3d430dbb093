"""Account for every item of every mailbox; what the service leaves behind is copied or delivered again, once each.

The order guards against doubles: first Microsoft's own sync is asked for, and only what is still missing after a
sync that began later is ours to deliver.
"""

from __future__ import annotations

import contextlib
from datetime import datetime

from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Evidence, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.apply_and_undo import witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.items.copy_missing import Missing, copy_stragglers
from tasks.items.item_report import compare
from tasks.items.redeliver import deliver_again
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.ledger.names import batch_name
from tasks.traffic.server_clocks import ROUNDED

_ASKED = "asked for a sync"
"""The note whose first fact is when, by Microsoft's clock. Older ledgers hold "sync asked", without the time."""

_NAMED = 20
"""Items named in a message; a message is read by people."""

STAYS_BEHIND = "stays behind, as the plan tolerates: "
"""How the fact of an item begins that was not moved."""


def account_for_items(cutover: Cutover, stage: str) -> list[str]:
    """Facts, one a mailbox, when every item is accounted for.

    NotYet: a sync is under way, or what was delivered again is not visible yet. Blocked: more items than the plan
    tolerates cannot be moved; each is named, the first of them here and all in the list of items.
    """
    ledger = Ledger(cutover.customer, this_cutover())
    accounts = compare(cutover, stage)
    facts = [one.line() for one in accounts]
    missing = {one.mailbox: one.lost for one in accounts if one.lost}
    if not missing:
        return facts
    _wait_for_sync(cutover, ledger, stage, missing)
    copied, missing = copy_stragglers(cutover, ledger, missing)
    if not missing and not copied:
        # Copies of ours bear a mark, and are known by it where the two servers name the same item differently.
        return [*facts, "what is missing by name is there, as copies that bear our mark"]
    lost = deliver_again(cutover, ledger, missing)
    named = [f"{address}: {item.kind} '{item.subject}' in {item.folder}: {why}" for address, item, why in lost]
    if len(named) > cutover.sweep.tolerated_missing:
        more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        raise Blocked(
            "accounting",
            wanted="every item at Microsoft 365",
            seen=f"{len(named)} cannot be moved: {'; '.join(named[:_NAMED])}{more}",
            todo=f"The artifact items-{cutover.customer} lists all. Move them by hand, or raise "
            "sweep.tolerated_missing in the plan.",
        )
    under_way = sum(map(len, missing.values())) - len(named)
    not_handed_on = sum(one.missing - len(one.lost) for one in accounts)
    if named and not under_way and not copied and not not_handed_on:
        return [*facts, *(f"{STAYS_BEHIND}{one}" for one in named)]
    raise NotYet(
        "Microsoft 365",
        wanted="what was copied and delivered again to show",
        seen=f"{copied} copied just now, {under_way} delivered and not visible yet, {not_handed_on} for the next round",
        todo="It is looked at again.",
    )


def ask_for_missing(cutover: Cutover, stage: str) -> Receipt:
    """One try; what takes Microsoft longer is for `prove` to wait for."""
    with contextlib.suppress(NotYet):
        account_for_items(cutover, stage)
    return Receipt(stage=stage)


def prove(cutover: Cutover, stage: str) -> Evidence:
    """Count, and write down what was found; raises as `account_for_items` does."""
    return witness(cutover, stage, account_for_items(cutover, stage))


def _wait_for_sync(cutover: Cutover, ledger: Ledger, stage: str, missing: Missing) -> None:
    """Returns when a sync that began after these items were seen is over. All in Microsoft's time."""
    asked = _asked(ledger, stage)
    newest = max((item.received for items in missing.values() for item in items if item.received), default=None)
    cloud = tenant(cutover)
    if cloud.migration.batch(batch_name(cutover)) is None:
        return  # removed already: nobody will sync any more
    there = cloud.clock()
    came = newest + (there - source_server(cutover).clock()) + ROUNDED if newest else None
    if asked is None or (came and came > asked):
        cloud.migration.sync_now(batch_name(cutover))
        ledger.record(
            "evidence",
            f"{stage}: {_ASKED}",
            facts=[
                (there + ROUNDED).isoformat(),
                *(f"{address}: {len(items)} missing" for address, items in missing.items()),
            ],
        )
        raise NotYet(
            "Exchange Online",
            wanted="a sync for the missing items",
            seen="just asked for",
            todo="It is looked at again.",
        )
    behind = [
        user.address
        for user in cloud.migration.users(batch_name(cutover))
        if user.address in missing and not (user.last_synced and user.last_synced > asked)
    ]
    if behind:
        raise NotYet(
            "Exchange Online",
            wanted="a sync of every mailbox that misses items",
            seen=f"not yet: {', '.join(behind)}",
            todo="It is looked at again.",
        )


def _asked(ledger: Ledger, stage: str) -> datetime | None:
    """When the last sync was asked for, by Microsoft's clock."""
    found = [entry.facts[0] for entry in ledger.entries() if entry.stage == f"{stage}: {_ASKED}"]
    return datetime.fromisoformat(found[-1]) if found else None
