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
from mailmove.errors import Blocked, MailmoveError, SignInRefused, Transient
from mailmove.items.content import lack_of
from mailmove.items.identity import holds_digest
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
_BEFORE = timedelta(minutes=5)
"""How far a trace may lie before what the ledger says of its delivery, by clocks that differ."""
_CLOCKS = timedelta(hours=1)
"""How far an item's date may lie after its arrival in the log."""

TRIES = 5
"""Sessions in which a message was not taken in passing, after which it stays behind by name."""

Lost = list[tuple[str, Item, str]]
"""Mailbox, item, why it cannot be delivered."""


MessageKey = tuple[str, str, str]
"""Mailbox, Message-ID, and what the message holds: others may bear the same Message-ID."""


@dataclass(frozen=True)
class Fate:
    """What the ledger knows of one message. answer: the server's words. refusals: sessions that did not take it."""

    state: Literal["doubtful", "taken", "not taken"]
    at: datetime
    answer: str = ""
    refusals: int = 0


def deliver_again(context: Context, missing: dict[str, list[Item]]) -> Lost:
    """What cannot be delivered, each with the reason. Every message has its chance.

    Transient, in the end: a message was not taken now, and is tried in the next round.
    """
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
    delivery = _Round(context)
    for address, item in waiting:
        fate = fates.get(_key(address, item)) or fates.get((address, str(item.message_id), ""))
        if fate is not None and fate.state != "not taken":
            trace = _trace_of(item, address, fate, fates, traces)
            since = now() - fate.at
            if fate.state == "taken" or trace:
                if since > SHOWS:
                    lost.append((address, item, _not_shown(fate, trace)))
                continue
            if since < SETTLE:
                continue
        why = delivery.deliver(address, item, senders.get(str(item.message_id), ""), fate.refusals if fate else 0)
        if why:
            lost.append((address, item, why))
    delivery.end()
    return lost


def _key(address: str, item: Item) -> MessageKey:
    return address, str(item.message_id), holds_digest(item)


class _Round:
    """One round of deliveries: an error about one message or one domain keeps no other back."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hosts: dict[str, tuple[str, int] | Blocked] = {}
        self._passing: list[Transient] = []
        self._read = False
        self._unread: list[MailmoveError] = []

    def end(self) -> None:
        """Transient: what was not taken now is tried again; and a source that gave nothing at all is away."""
        if self._unread and not self._read:
            raise self._unread[0]
        if self._passing:
            raise self._passing[0]

    def deliver(self, address: str, item: Item, sender: str, refusals: int) -> str:
        """ "" when it was taken, may have been, or is to be tried again; else why it never will be."""
        context = self._context
        try:
            content = context.source.messages.content(address, item.id)
        except SignInRefused:
            raise
        except MailmoveError as error:
            if isinstance(error, Transient):
                self._unread.append(error)
            return f"the old server does not give it: {error.seen}"
        self._read = True
        if lack := lack_of(content):
            return f"the old server does not give it: {lack}"
        subject = MessageSubject(mailbox=address, message_id=str(item.message_id), holds=holds_digest(item))
        change = Change(kind=ChangeKind.DELIVERY, subject=subject, before=None, after="delivered")
        context.ledger.record(EntryKind.INTENT, context.stage, topic=Topic.DELIVERY, changes=[change])
        context.fence()
        mx = self._mx(address)
        if isinstance(mx, Blocked):
            _record(context, subject, False, mx.seen)
            return f"there is no way to deliver it: {mx.seen}"
        try:
            answer = redeliver(content, sender=sender, recipient=address, mx=mx, helo=context.plan.source.smtp_host)
        except MaybeTaken:
            return ""
        except Transient as error:
            _record(context, subject, False, error.seen)
            if refusals + 1 >= TRIES:
                return f"Exchange Online did not take it, {refusals + 1} times: {error.seen}"
            self._passing.append(error)
            return ""
        except Blocked as error:
            _record(context, subject, False, error.seen)
            return f"Exchange Online refused it: {error.seen}"
        _record(context, subject, True, answer)
        return ""

    def _mx(self, address: str) -> tuple[str, int] | Blocked:
        domain = address.partition("@")[2].casefold()
        if domain not in self._hosts:
            try:
                self._hosts[domain] = _mx(self._context, address)
            except SignInRefused:
                raise
            except Blocked as error:
                self._hosts[domain] = error
        return self._hosts[domain]


def _record(context: Context, message: MessageSubject, taken: bool, answer: str) -> None:
    outcome = Delivery(
        mailbox=message.mailbox, message_id=message.message_id, taken=taken, answer=answer, holds=message.holds
    )
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
                key = change.subject.mailbox, change.subject.message_id, change.subject.holds
                fates[key] = Fate("doubtful", entry.at, refusals=_refusals(fates.get(key)))
        if isinstance(entry.payload, Delivery):
            outcome = entry.payload
            key = outcome.mailbox, outcome.message_id, outcome.holds
            state: Literal["taken", "not taken"] = "taken" if outcome.taken else "not taken"
            fates[key] = Fate(state, entry.at, outcome.answer, _refusals(fates.get(key)) + (not outcome.taken))
    return fates


def _refusals(fate: Fate | None) -> int:
    return fate.refusals if fate else 0


Traces = dict[tuple[str, str], list[TraceEntry]]
"""(Message-ID without brackets, recipient) -> what reached the tenant, oldest first."""


def _traces(context: Context, doubtful: list[Fate]) -> Traces:
    """What reached the tenant since the first of these."""
    traces: Traces = {}
    if doubtful:
        since = min(fate.at for fate in doubtful) - _BEFORE
        for trace in sorted(context.tenant.messages.traces(since), key=lambda trace: trace.at):
            traces.setdefault((trace.message_id.strip("<>"), trace.recipient), []).append(trace)
    return traces


def _trace_of(item: Item, address: str, fate: Fate, fates: dict[MessageKey, Fate], traces: Traces) -> TraceEntry | None:
    """The trace of a message of unknown fate; others of its Message-ID that were surely taken have their own first."""
    if fate.state != "doubtful":
        return None
    since = fate.at - _BEFORE
    known = traces.get((str(item.message_id).strip("<>"), address.lower()), [])
    arrived = [trace for trace in known if trace.at >= since]
    taken = sum(
        other.state == "taken" and other.at >= since
        for (mailbox, message_id, held), other in fates.items()
        if (mailbox, message_id) == (address, str(item.message_id)) and held != holds_digest(item)
    )
    return arrived[-1] if len(arrived) > taken else None


def _not_shown(fate: Fate, trace: TraceEntry | None) -> str:
    status = f"its message trace says {trace.status}" if trace else f"it said {fate.answer}"
    return (
        f"Exchange Online took it at {fate.at:%H:%M} UTC ({status}), and it is not in the mailbox: look for it in "
        "quarantine and in the message trace"
    )


def _senders(context: Context, items: Iterable[Item]) -> dict[str, str]:
    """Message-ID -> envelope sender, of what the old server still remembers the arrival of; no bounce goes astray.

    "" for people of the company: a tenant may refuse its own senders where they do not sign in (RejectDirectSend).
    """
    received = [item.received for item in items if item.received]
    if not received:
        return {}
    arrivals = context.source.arrivals(min(received) - _CLOCKS)
    own = {domain.casefold() for domain in context.plan.domains}
    senders = {arrival.message_id: arrival.sender.strip("<>") for arrival in arrivals}
    return {key: "" if who.rpartition("@")[2].casefold() in own else who for key, who in senders.items()}


def _mx(context: Context, address: str) -> tuple[str, int]:
    known = context.tenant.domains.get(address.partition("@")[2])
    records = known.service_records if known else ()
    hosts = [value.split()[-1] for rrset in records if rrset.type == "MX" for value in rrset.values if value.strip()]
    if not hosts:
        raise Blocked(
            "Microsoft 365",
            wanted=f"the mail server for {address}",
            seen="the tenant names none for that domain",
            todo="See in the admin centre whether the domain is there, and has mail switched on.",
        )
    return addresses_of(context, hosts[0].rstrip("."))[0], context.plan.sweep.smtp_port
