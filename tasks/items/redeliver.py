"""Messages that nobody else will bring: delivered again by SMTP with their original content, once each.

What was said by SMTP is kept in the ledger: an intent before, and afterwards whether it was taken. A message whose
fate is not known (a kill, a lost answer) is looked for in the mailbox and in Microsoft's message trace, and sent again
only when neither has shown it for a good while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mailmove.errors import Blocked, Transient
from mailmove.evidence import Change, now
from mailmove.items.item import Item
from mailmove.plan.cutover import Cutover
from mailmove.smtp.redeliver import MaybeTaken, redeliver
from mailmove.tenant_state import TraceEntry
from tasks.dns.host_addresses import addresses_of
from tasks.execution.open_blocks import source_server, tenant
from tasks.ledger.ledger import Ledger

STAGE = "delivered again"
"""Of ledger entries; the same for every stage that accounts, so that none delivers what another did."""
SETTLE = timedelta(minutes=15)
"""After an SMTP session whose end is not known: longer than a server may take (RFC 5321, 4.5.3.2.6: 10 minutes), and
than message traces lag."""
SHOWS = timedelta(minutes=30)
"""From Exchange Online's 250 until the message is in the mailbox, at the most."""
_CLOCKS = timedelta(hours=1)
"""How far an item's date may lie after its arrival in the log."""

Lost = list[tuple[str, Item, str]]
"""Mailbox, item, why it cannot be delivered."""


@dataclass(frozen=True)
class Fate:
    """What the ledger knows of one message. said: the server's words."""

    state: Literal["doubtful", "taken", "not taken"]
    at: datetime
    said: str = ""


def deliver_again(cutover: Cutover, ledger: Ledger, missing: dict[str, list[Item]]) -> Lost:
    """What cannot be delivered, each with the reason. Transient: Exchange Online takes nothing now."""
    fates = _fates(ledger)
    lost: Lost = []
    waiting: list[tuple[str, Item]] = []
    for address, items in missing.items():
        for item in items:
            if item.kind == "message" and item.message_id:
                waiting.append((address, item))
            else:
                lost.append((address, item, "it is no message with a Message-ID, so it cannot be delivered by SMTP"))
    traces = _traces(cutover, [fate for fate in fates.values() if fate.state == "doubtful"])
    senders = _senders(cutover, [item for _, item in waiting])
    for address, item in waiting:
        fate = fates.get(_what(address, item))
        if fate is not None and fate.state != "not taken":
            trace = traces.get((str(item.message_id).strip("<>"), address.lower()))
            since = now() - fate.at
            if fate.state == "taken" or trace:
                if since > SHOWS:
                    lost.append((address, item, _not_shown(fate, trace)))
                continue
            if since < SETTLE:
                continue
        why = _deliver(cutover, ledger, address, item, senders.get(str(item.message_id), ""))
        if why:
            lost.append((address, item, why))
    return lost


def _deliver(cutover: Cutover, ledger: Ledger, address: str, item: Item, sender: str) -> str:
    """ "" when it was taken, or may have been; else why it never will be. Transient: it was not taken now."""
    try:
        content = source_server(cutover).messages.content(address, item.id)
    except Blocked as error:
        return f"the old server does not give it: {error.seen}"
    what = _what(address, item)
    ledger.record("intent", STAGE, changes=[Change(what=what, before=None, after="delivered")])
    try:
        said = redeliver(
            content, sender=sender, recipient=address, mx=_mx(cutover, address), helo=cutover.source.smtp_host
        )
    except MaybeTaken:
        return ""
    except Transient as error:
        ledger.record("evidence", STAGE, facts=[f"{what} not taken: {error.seen}"])
        raise
    except Blocked as error:
        ledger.record("evidence", STAGE, facts=[f"{what} not taken: {error.seen}"])
        return f"Exchange Online refused it: {error.seen}"
    ledger.record("evidence", STAGE, facts=[f"{what} taken: {said}"])
    return ""


def _what(address: str, item: Item) -> str:
    return f"{address} {item.message_id}"


def _fates(ledger: Ledger) -> dict[str, Fate]:
    """The last word on each message."""
    fates: dict[str, Fate] = {}
    for entry in ledger.entries():
        if entry.stage != STAGE:
            continue
        for change in entry.changes:
            fates[change.what] = Fate("doubtful", entry.at)
        for fact in entry.facts:
            for state in ("not taken", "taken"):
                what, found, said = fact.partition(f" {state}: ")
                if found:
                    fates[what] = Fate(state, entry.at, said)
                    break
    return fates


def _traces(cutover: Cutover, doubtful: list[Fate]) -> dict[tuple[str, str], TraceEntry]:
    """(Message-ID without brackets, recipient) -> what reached the tenant since the first of these."""
    if not doubtful:
        return {}
    since = min(fate.at for fate in doubtful) - timedelta(minutes=5)
    return {(one.message_id.strip("<>"), one.recipient): one for one in tenant(cutover).messages.traces(since)}


def _not_shown(fate: Fate, trace: TraceEntry | None) -> str:
    status = f"its message trace says {trace.status}" if trace else f"it said {fate.said}"
    return (
        f"Exchange Online took it at {fate.at:%H:%M} UTC ({status}), and it is not in the mailbox: look for it in "
        "quarantine and in the message trace"
    )


def _senders(cutover: Cutover, items: Iterable[Item]) -> dict[str, str]:
    """Message-ID -> envelope sender, of what the old server still remembers the arrival of; no bounce goes astray."""
    received = [item.received for item in items if item.received]
    if not received:
        return {}
    arrivals = source_server(cutover).arrivals(min(received) - _CLOCKS)
    return {one.message_id: one.sender.strip("<>") for one in arrivals}


def _mx(cutover: Cutover, address: str) -> tuple[str, int]:
    known = tenant(cutover).domains.get(address.partition("@")[2])
    records = known.service_records if known else ()
    host = next((rrset.values[0].split()[-1] for rrset in records if rrset.type == "MX"), None)
    if host is None:
        raise Blocked(
            "Microsoft 365",
            wanted=f"the mail server for {address}",
            seen="the tenant names none for that domain",
            todo="See in the admin centre whether the domain is there, and has mail switched on.",
        )
    return addresses_of(cutover, host.rstrip("."))[0], cutover.sweep.smtp_port
