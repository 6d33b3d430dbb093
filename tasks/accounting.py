"""Account for every item of every mailbox; what the service leaves behind is copied or delivered again, once each.

The order guards against doubles: first Microsoft's own sync is asked for, and only what is still missing after a
sync that began later is ours to deliver.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Change, Evidence, Receipt
from mailmove.plan import Cutover
from mailmove.reconcile import reconcile
from mailmove.redeliver import redeliver
from tasks.acting import witness
from tasks.hosts import addresses_of
from tasks.ledger import Ledger, this_cutover
from tasks.naming import batch_name
from tasks.opening import source_server, tenant
from tasks.stragglers import Missing, copy_stragglers

_CLOCKS = timedelta(hours=1)
"""How far an item's date may lie after its arrival in the log."""


def account_for_items(cutover: Cutover, stage: str) -> list[str]:
    """Facts, one a mailbox, when every item is accounted for.

    NotYet: a sync is under way, or what was delivered again is not visible yet. Blocked: more items than the plan
    tolerates cannot be moved; each is named.
    """
    ledger = Ledger(cutover.customer, this_cutover())
    facts, missing = _compare(cutover)
    if not missing:
        return facts
    _wait_for_sync(cutover, ledger, stage, missing)
    copied, missing = copy_stragglers(cutover, ledger, stage, missing)
    if not missing and not copied:
        # Copies of ours bear a mark, and are known by it where the two servers name the same item differently.
        return [*facts, "what is missing by name is there, as copies that bear our mark"]
    lost = _deliver_again(cutover, ledger, stage, missing)
    named = [
        f"{address}: {item.kind} '{item.subject}' in {item.folder}" for address, items in lost.items() for item in items
    ]
    if len(named) > cutover.sweep.tolerated_missing:
        raise Blocked(
            "accounting",
            wanted="every item at Microsoft 365",
            seen=f"{len(named)} cannot be moved: {'; '.join(named)}",
            todo="Move them by hand, or raise sweep.tolerated_missing in the plan.",
        )
    if named:
        return [*facts, *(f"stays behind, as the plan tolerates: {one}" for one in named)]
    raise NotYet(
        "Microsoft 365",
        wanted="what was delivered again to show",
        seen="not visible yet",
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


def _compare(cutover: Cutover) -> tuple[list[str], Missing]:
    source, cloud = source_server(cutover), tenant(cutover)
    facts, missing = [], {}
    for box in source.inventory().moving:
        found = reconcile(source.items(box.address), cloud.items(box.address))
        facts.append(
            f"{box.address}: {found.matched} items found again, {found.surplus} new, {len(found.missing)} missing"
        )
        if found.missing:
            missing[box.address] = found.missing
    return facts, missing


def _wait_for_sync(cutover: Cutover, ledger: Ledger, stage: str, missing: Missing) -> None:
    """Returns when a sync that began after these items were seen is over."""
    asked = _last_time(ledger, f"{stage}: sync asked")
    newest = max((item.received for items in missing.values() for item in items if item.received), default=None)
    cloud = tenant(cutover)
    if cloud.batch(batch_name(cutover)) is None:
        return  # removed already: nobody will sync any more
    if asked is None or (newest and newest > asked):
        cloud.sync_batch_now(batch_name(cutover))
        ledger.record(
            "evidence",
            f"{stage}: sync asked",
            facts=[f"{address}: {len(items)} missing" for address, items in missing.items()],
        )
        raise NotYet(
            "Exchange Online",
            wanted="a sync for the missing items",
            seen="just asked for",
            todo="It is looked at again.",
        )
    behind = [
        user.address
        for user in cloud.migration_users(batch_name(cutover))
        if user.address in missing and not (user.last_synced and user.last_synced > asked)
    ]
    if behind:
        raise NotYet(
            "Exchange Online",
            wanted="a sync of every mailbox that misses items",
            seen=f"not yet: {', '.join(behind)}",
            todo="It is looked at again.",
        )


def _last_time(ledger: Ledger, stage: str) -> datetime | None:
    return max((entry.at for entry in ledger.entries() if entry.stage == stage), default=None)


def _deliver_again(cutover: Cutover, ledger: Ledger, stage: str, missing: Missing) -> Missing:
    """Deliver each missing message once; returns what is no message. The intent is written first.

    After a kill in between, the message counts as delivered and shows up or not: then a person is told, which is
    better than a second copy.
    """
    done = {
        change.what
        for entry in ledger.entries()
        if entry.stage == f"{stage}: delivered again"
        for change in entry.changes
    }
    lost: Missing = {}
    senders = _senders(cutover, missing)
    for address, items in missing.items():
        messages = [item for item in items if item.kind == "message" and item.message_id]
        others = [item for item in items if item not in messages]
        if others:
            lost[address] = others
        new = [item for item in messages if f"{address} {item.message_id}" not in done]
        named = {item.id: item for item in new}
        for item_id, content in source_server(cutover).content(address, list(named)):
            what = f"{address} {named[item_id].message_id}"
            ledger.record(
                "intent", f"{stage}: delivered again", changes=[Change(what=what, before=None, after="delivered")]
            )
            redeliver(
                content,
                sender=senders.get(named[item_id].message_id or "", ""),
                recipient=address,
                mx=_mx(cutover, address),
                helo=cutover.source.smtp_host,
            )
    return lost


def _senders(cutover: Cutover, missing: Missing) -> dict[str, str]:
    """Message-ID -> envelope sender, of what the old server still remembers the arrival of; no bounce goes astray."""
    received = [item.received for items in missing.values() for item in items if item.received]
    if not received:
        return {}
    arrivals = source_server(cutover).arrivals(min(received) - _CLOCKS)
    return {one.message_id: one.sender.strip("<>") for one in arrivals}


def _mx(cutover: Cutover, address: str) -> tuple[str, int]:
    known = tenant(cutover).domain(address.partition("@")[2])
    records = known.service_records if known else ()
    host = next(rrset.values[0].split()[-1] for rrset in records if rrset.type == "MX")
    return addresses_of(cutover, host.rstrip("."))[0], cutover.sweep.smtp_port
