"""Send probes, see where each landed and how long it took, and take them away again. One a route, never a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from mailmove.changes import Change, ChangeKind, MessageSubject
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused
from mailmove.evidence import Evidence, Finding, Receipt
from mailmove.items.folder_path import shown
from mailmove.items.item import Item
from mailmove.ports import MessageStore
from mailmove.smtp.probe_message import new_message_id, probe, routes
from mailmove.smtp.redeliver import redeliver
from tasks.dns.authoritative_check import resolvers_of
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import payloads_of
from tasks.ledger.payloads import ProbeAnswer, ProbeLanded, ProbeMailbox, ProbeRoute

_log = logging.getLogger(__name__)
_TIMEOUT = 20.0
"""Seconds for one SMTP session of a probe."""
_SIDES = {"source": "at the old server", "target": "in the cloud"}


class Probe(BaseModel):
    """What the ledger remembers of one. answer None: it is not known whether it was taken. landed None: not found."""

    message_id: str
    route: str
    at: datetime
    answer: ProbeAnswer | None = None
    landed: ProbeLanded | None = None

    @property
    def refused(self) -> bool:
        return self.answer is not None and not self.answer.taken


def send_probes(context: Context) -> Receipt:
    """One to every mail server that a resolver names and that has had none yet.

    The intent is written first: after a kill it is looked for, and not sent again.
    """
    plan, stage = context.plan, context.stage
    if not plan.probes.send:
        return Receipt(stage=stage)
    recipient = _mailbox(context)
    ways, unknown = asyncio.run(routes(recipient.partition("@")[2], resolvers_of(context)))
    sent = {known.route for known in _probes(context)}
    for way in ways:
        if way.name in sent:
            continue
        message_id = new_message_id(plan.source.smtp_host)
        change = Change(
            kind=ChangeKind.PROBE,
            subject=MessageSubject(mailbox=recipient, message_id=message_id),
            before=None,
            after={"route": way.name, "named_by": list(way.resolvers)},
        )
        intent = ProbeRoute(message_id=message_id, route=way.name)
        context.fence()
        context.ledger.record(EntryKind.INTENT, stage, payload=intent, changes=[change])
        sender = plan.probes.sender
        content = probe(
            message_id,
            sender=sender or f"mailmove-probe@{plan.source.smtp_host}",
            recipient=recipient,
            at=context.now(),
        )
        try:
            words = redeliver(
                content,
                sender=sender or "",
                recipient=recipient,
                mx=(way.address, plan.sweep.smtp_port),
                helo=plan.source.smtp_host,
                timeout=_TIMEOUT,
            )
            answer = ProbeAnswer(message_id=message_id, taken=True, answer=words)
        except MailmoveError as error:
            answer = ProbeAnswer(message_id=message_id, taken=False, answer=f"not taken: {error.seen}")
        context.ledger.record(EntryKind.EVIDENCE, stage, payload=answer, facts=[f"{way.name}: {answer.answer}"])
    if unknown:
        facts = [f"no way to the mail by {resolver}" for resolver in unknown]
        context.ledger.record(EntryKind.EVIDENCE, stage, payload=ProbeRoute(unknown=list(unknown)), facts=facts)
    return Receipt(stage=stage)


def probes_landed(context: Context) -> Evidence:
    """Where each is. NotYet: one that was taken is nowhere, and the plan's patience is not over."""
    plan, stage = context.plan, context.stage
    if not plan.probes.send:
        return record_evidence(context, stage, ["the plan wants no probes"])
    patience, waiting = timedelta(minutes=plan.probes.patience_minutes), []
    for sent in _probes(context):
        if sent.landed:
            continue
        landed = _landed(context, _mailbox(context), sent)
        if landed:
            context.ledger.record(EntryKind.EVIDENCE, stage, payload=landed, facts=[_landed_words(landed)])
        elif not sent.refused and context.now() < sent.at + patience:
            waiting.append(sent.route)
    if waiting:
        minutes = f"{plan.probes.patience_minutes:g} minutes"
        raise NotYet(
            "probes",
            wanted="every probe that was taken to be found in a mailbox",
            seen=f"not yet those by {', '.join(waiting)}",
            todo=f"They are looked for again, for {minutes}; nothing depends on it.",
        )
    facts = [_words(sent, plan.probes.patience_minutes) for sent in _probes(context)]
    for _, route in context.ledger.payloads(ProbeRoute, stage):
        facts += [f"no way to the mail by {resolver}" for resolver in route.unknown]
    facts += remove_probes(context)
    return record_evidence(context, stage, facts or ["no resolver named a mail server: nothing was sent"])


def remove_probes(context: Context) -> list[str]:
    """Take every probe of a cutover out of both mailboxes; what remains is named."""
    ids = sent_probes(context.ledger.entries())
    if not ids:
        return []
    context.fence()
    mailbox, remains = _mailbox(context), []
    for side, place in _places(context):
        try:
            for item in place.find(mailbox, sorted(ids)):
                if item.id:
                    place.remove(mailbox, item.id)
                else:
                    remains.append(f"a probe {_SIDES[side]} stays in {mailbox}: {item.subject}")
        except Blocked as error:
            remains.append(f"probes {_SIDES[side]} stay in {mailbox}: {error}")
    return remains


def sent_probes(entries: Iterable[Entry]) -> set[str]:
    """Message-IDs of all that were sent, or may have been."""
    return {route.message_id for _, route in payloads_of(list(entries), ProbeRoute) if route.message_id}


def probe_findings(context: Context, stage: str) -> list[Finding]:
    """What the probes of an earlier stage showed, for the gate."""
    evidence = context.ledger.evidence(stage)
    return [
        Finding(subject="probe", seen=fact, means="This is the way that mail takes today.", todo="")
        for fact in (evidence.facts if evidence else [])
    ]


def _probes(context: Context) -> list[Probe]:
    """Those of this stage, in the order in which they were sent."""
    probes: dict[str, Probe] = {}
    for entry in context.ledger.entries():
        payload = entry.payload
        if isinstance(payload, ProbeRoute) and payload.message_id and entry.stage == context.stage:
            probes[payload.message_id] = Probe(message_id=payload.message_id, route=payload.route, at=entry.at)
        elif isinstance(payload, ProbeAnswer) and payload.message_id in probes:
            probes[payload.message_id].answer = payload
        elif isinstance(payload, ProbeLanded) and payload.message_id in probes:
            probes[payload.message_id].landed = payload
    return list(probes.values())


def _words(sent: Probe, patience: float) -> str:
    answer = sent.answer.answer if sent.answer else "killed before its answer was written down"
    if sent.landed:
        end = _landed_words(sent.landed)
    else:
        end = "nowhere" if sent.refused else f"not found in {patience:g} minutes"
    return f"probe by {sent.route}: {answer}; {end}"


def _landed_words(landed: ProbeLanded) -> str:
    return f"landed {_SIDES[landed.side]}, in {landed.folder}, after {landed.seconds:.1f} s"


def _landed(context: Context, mailbox: str, sent: Probe) -> ProbeLanded | None:
    for side, place in _places(context):
        for item in _copies(context, side, place, mailbox, sent):
            # The servers' clocks and ours differ: what comes out below zero says no more than "at once".
            took = max(0.0, ((item.received or context.now()) - sent.at).total_seconds())
            return ProbeLanded(message_id=sent.message_id, side=side, folder=shown(item.folder), seconds=took)
    return None


def _copies(context: Context, side: str, place: MessageStore, mailbox: str, sent: Probe) -> list[Item]:
    """Those that can be seen. That a mailbox is not opened is no reason to hold the cutover up: late is a fact, too."""
    try:
        return place.find(mailbox, [sent.message_id])
    except Refused:
        raise
    except Blocked as error:
        _log.warning("%s: the probe by %s cannot be looked for %s: %s", context.stage, sent.route, _SIDES[side], error)
        return []


def _places(context: Context) -> list[tuple[Literal["source", "target"], MessageStore]]:
    """The old server first: what lands there may have been copied to the cloud by the time we look."""
    return [("source", context.source.messages), ("target", context.tenant.messages)]


def _mailbox(context: Context) -> str:
    """The plan's, or the first user's; once chosen it stays, whatever the directory says later."""
    if context.plan.probes.mailbox:
        return context.plan.probes.mailbox
    for _, chosen in context.ledger.payloads(ProbeMailbox):
        return chosen.address
    first = min(box.address for box in context.source.inventory().moving if box.kind == "user")
    chosen = ProbeMailbox(address=first)
    context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=chosen, facts=[f"probes go to {first}"])
    return first
