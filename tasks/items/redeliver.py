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

from mailmove.changes import Change, ChangeKind, MessageSubject
from mailmove.clock import now
from mailmove.errors import Blocked, Transient
from mailmove.items.item import Item
from mailmove.smtp.redeliver import MaybeTaken, redeliver
from mailmove.tenant_state import TraceEntry
from tasks.dns.host_addresses import addresses_of
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import Delivery, Topic

SETTLE = timedelta(minutes=15)
"""After an SMTP session whose end is not known: longer than a server may take (RFC 5321, 4.5.3.2.6: 10 minutes), and
than message traces lag."""
SHOWS = timedelta(minutes=30)
"""From Exchange Online's 250 until the message is in the mailbox, at the most."""
_CLOCKS = timedelta(hours=1)
"""How far an item's date may lie after its arrival in the log."""

Lost = list[tuple[str, Item, str]]
"""Mailbox, item, why it cannot be delivered."""


MessageKey = tuple[str, str]
"""Mailbox, Message-ID."""


@dataclass(frozen=True)
class Fate:
    """What the ledger knows of one message. answer: the server's words."""

    state: Literal["doubtful", "taken", "not taken"]
    at: datetime
    answer: str = ""


def deliver_again(context: Context, missing: dict[str, list[Item]]) -> Lost:
    """What cannot be delivered, each with the reason. Transient: Exchange Online takes nothing now."""
    fates = _fates(context)
    lost: Lost = []
    waiting: list[tuple[str, Item]] = []
    for address, items in missing.items():
        for item in items:
            if item.kind == "message" and item.message_id:
                waiting.append((address, item))
            else:
                lost.append((address, item, "it is no message with a Message-ID, so it cannot be delivered by SMTP"))
    traces = _traces(context, [fate for fate in fates.values() if fate.state == "doubtful"])
    senders = _senders(context, [item for _, item in waiting])
    for address, item in waiting:
        fate = fates.get((address, str(item.message_id)))
        if fate is not None and fate.state != "not taken":
            trace = traces.get((str(item.message_id).strip("<>"), address.lower()))
            since = now() - fate.at
            if fate.state == "taken" or trace:
                if since > SHOWS:
                    lost.append((address, item, _not_shown(fate, trace)))
                continue
            if since < SETTLE:
                continue
        why = _deliver(context, address, item, senders.get(str(item.message_id), ""))
        if why:
            lost.append((address, item, why))
    return lost


def _deliver(context: Context, address: str, item: Item, sender: str) -> str:
    """ "" when it was taken, or may have been; else why it never will be. Transient: it was not taken now."""
    try:
        content = context.source.messages.content(address, item.id)
    except Blocked as error:
        return f"the old server does not give it: {error.seen}"
    subject = MessageSubject(mailbox=address, message_id=str(item.message_id))
    change = Change(kind=ChangeKind.DELIVERY, subject=subject, before=None, after="delivered")
    context.ledger.record(EntryKind.INTENT, context.stage, topic=Topic.DELIVERY, changes=[change])
    context.fence()
    try:
        answer = redeliver(
            content,
            sender=sender,
            recipient=address,
            mx=_mx(context, address),
            helo=context.plan.source.smtp_host,
        )
    except MaybeTaken:
        return ""
    except Transient as error:
        _record(context, subject, False, error.seen)
        raise
    except Blocked as error:
        _record(context, subject, False, error.seen)
        return f"Exchange Online refused it: {error.seen}"
    _record(context, subject, True, answer)
    return ""


def _record(context: Context, message: MessageSubject, taken: bool, answer: str) -> None:
    outcome = Delivery(mailbox=message.mailbox, message_id=message.message_id, taken=taken, answer=answer)
    words = f"{message.mailbox} {message.message_id}: {'taken' if taken else 'not taken'}: {answer}"
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=outcome, facts=[words])


def _fates(context: Context) -> dict[MessageKey, Fate]:
    """The last outcome of each message, whichever stage of this cutover delivered it."""
    fates: dict[MessageKey, Fate] = {}
    for entry in context.ledger.entries():
        if entry.topic is not Topic.DELIVERY:
            continue
        for change in entry.changes:
            if isinstance(change.subject, MessageSubject):
                fates[change.subject.mailbox, change.subject.message_id] = Fate("doubtful", entry.at)
        if isinstance(entry.payload, Delivery):
            outcome = entry.payload
            state: Literal["taken", "not taken"] = "taken" if outcome.taken else "not taken"
            fates[outcome.mailbox, outcome.message_id] = Fate(state, entry.at, outcome.answer)
    return fates


def _traces(context: Context, doubtful: list[Fate]) -> dict[tuple[str, str], TraceEntry]:
    """(Message-ID without brackets, recipient) -> what reached the tenant since the first of these."""
    if not doubtful:
        return {}
    since = min(fate.at for fate in doubtful) - timedelta(minutes=5)
    traces = context.tenant.messages.traces(since)
    return {(trace.message_id.strip("<>"), trace.recipient): trace for trace in traces}


def _not_shown(fate: Fate, trace: TraceEntry | None) -> str:
    status = f"its message trace says {trace.status}" if trace else f"it said {fate.answer}"
    return (
        f"Exchange Online took it at {fate.at:%H:%M} UTC ({status}), and it is not in the mailbox: look for it in "
        "quarantine and in the message trace"
    )


def _senders(context: Context, items: Iterable[Item]) -> dict[str, str]:
    """Message-ID -> envelope sender, of what the old server still remembers the arrival of; no bounce goes astray."""
    received = [item.received for item in items if item.received]
    if not received:
        return {}
    arrivals = context.source.arrivals(min(received) - _CLOCKS)
    return {arrival.message_id: arrival.sender.strip("<>") for arrival in arrivals}


def _mx(context: Context, address: str) -> tuple[str, int]:
    known = context.tenant.domains.get(address.partition("@")[2])
    records = known.service_records if known else ()
    host = next((rrset.values[0].split()[-1] for rrset in records if rrset.type == "MX"), None)
    if host is None:
        raise Blocked(
            "Microsoft 365",
            wanted=f"the mail server for {address}",
            seen="the tenant names none for that domain",
            todo="See in the admin centre whether the domain is there, and has mail switched on.",
        )
    return addresses_of(context, host.rstrip("."))[0], context.plan.sweep.smtp_port
