"""Mail that reached the cloud after the switch, when the switch is undone: listed, and on request brought back."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from mailmove.errors import Blocked, Refused, Transient
from mailmove.evidence import Change, Receipt
from mailmove.items.item import Item
from mailmove.plan.cutover import Cutover
from mailmove.ports import SourceServer, Tenant
from mailmove.smtp.redeliver import redeliver
from tasks.dns.host_addresses import addresses_of
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import put_back
from tasks.ledger.ledger import Ledger
from tasks.traffic.probes import remove_probes, sent_probes

NAME = "bring_back"
BROUGHT, NOT_TAKEN = f"{NAME}: delivered", f"{NAME}: not taken"
_CLOCKS = timedelta(minutes=5)
_BATCH = 50
_SEEN_WITHIN = 60.0
"""Seconds that the old server is given to file what it has taken."""


@put_back
def bring_back(cutover: Cutover, root: UUID, bring: bool) -> Receipt:
    """Every message that only the cloud has, by name; with `bring`, delivered to the old server with its content.

    Once each, however often it is called: the old mailbox is asked first, and the intent is written down. Probes go.
    """
    ledger = Ledger(cutover.customer, root)
    remains = remove_probes(cutover, root)
    entries = ledger.entries()
    switched = [one.at for one in entries if (one.stage, one.kind) == ("switch_mail", "intent")]
    since = min(switched, default=None)
    cloud, source = tenant(cutover), source_server(cutover)
    if since is None:
        return Receipt(stage=NAME, remains=remains)
    changes, ours = [], sent_probes(entries)
    for box in source.inventory().moving:
        came = [
            one
            for one in cloud.messages.since(box.address, since - _CLOCKS)
            if one.message_id and one.message_id not in ours
        ]
        held = _held(source, box.address, came)
        alone = [one for one in came if one.message_id not in held]
        if bring:
            said = {one.id: _delivered(cutover, ledger, cloud, box.address, one) for one in alone}
            here = _wait_for(source, box.address, [one for one in alone if not said[one.id]])
            changes += [
                Change(what=_named(box.address, one), before="only in the cloud", after="at the old server too")
                for one in alone
                if one.message_id in here
            ]
            remains += [
                f"{_named(box.address, one)}: {said[one.id] or 'delivered, and not seen there yet: look again'}"
                for one in alone
                if one.message_id not in here
            ]
        else:
            remains += [f"{_named(box.address, one)} is only in the cloud" for one in alone]
    if count := sum(line.endswith("is only in the cloud") for line in remains):
        remains.append(f"{count} messages can be brought back: `mailmove rollback --bring-back` with the plan")
    remains.append(
        "a sender that still remembers the new MX delivers to the cloud until the TTL has run out: "
        "run the rollback once more after that. What people wrote in the cloud meanwhile stays there"
    )
    return Receipt(stage=NAME, changes=changes, remains=remains)


def _held(source: SourceServer, mailbox: str, items: list[Item]) -> set[str]:
    """Which of these the old mailbox has, by Message-ID."""
    ids = list(dict.fromkeys(one.message_id for one in items if one.message_id))
    return {
        found.message_id
        for start in range(0, len(ids), _BATCH)
        for found in source.messages.find(mailbox, ids[start : start + _BATCH])
        if found.message_id
    }


def _wait_for(source: SourceServer, mailbox: str, items: list[Item]) -> set[str]:
    deadline = time.monotonic() + _SEEN_WITHIN
    while True:
        held = _held(source, mailbox, items)
        if len(held) >= len({one.message_id for one in items}) or time.monotonic() > deadline:
            return held
        time.sleep(1)


def _delivered(cutover: Cutover, ledger: Ledger, cloud: Tenant, mailbox: str, item: Item) -> str:
    """Deliver it to the old server, unless an earlier try may have done so; "": done, else why not."""
    what = f"{mailbox} {item.message_id}"
    last = ""
    for entry in ledger.entries():
        if entry.stage in (BROUGHT, NOT_TAKEN) and what in [*entry.facts, *(one.what for one in entry.changes)]:
            last = entry.stage
    if last == BROUGHT:
        return ""
    try:
        content = cloud.messages.content(mailbox, item.id)
    except Refused as error:
        return f"not delivered: {error}"
    try:
        ledger.record("intent", BROUGHT, changes=[Change(what=what, before=None, after="delivered")])
        # An empty envelope sender: no bounce of ours may reach whoever wrote it.
        redeliver(
            content,
            sender="",
            recipient=mailbox,
            mx=(addresses_of(cutover, cutover.source.smtp_host)[0], cutover.sweep.smtp_port),
            helo=cutover.source.smtp_host,
        )
    except Transient as error:
        if "may have been taken" in error.todo:
            return ""
        ledger.record("evidence", NOT_TAKEN, facts=[what, error.seen])
        return f"not delivered: {error.seen}. Run the rollback once more"
    except Blocked as error:
        ledger.record("evidence", NOT_TAKEN, facts=[what, error.seen])
        return f"not delivered: {error}"
    return ""


def _named(mailbox: str, item: Item) -> str:
    when = f" of {item.received:%Y-%m-%d %H:%M:%S} UTC" if item.received else ""
    return f"{mailbox}: '{item.subject}'{when} in {item.folder}"
