"""Send probes, see where each landed and how long it took, and take them away again. One a route, never a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel

from mailmove.errors import MailmoveError, NotYet, Refused
from mailmove.evidence import Change, Evidence, Finding, Receipt, now
from mailmove.plan.cutover import Cutover
from mailmove.ports import MessageStore
from mailmove.smtp.probe_message import new_message_id, probe, routes
from mailmove.smtp.redeliver import redeliver
from tasks.dns.authoritative_check import resolvers_of
from tasks.execution.apply_and_undo import witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.ledger.ledger import Entry, Ledger, this_cutover

SENT, ANSWERED, LANDED, MAILBOX = "probe", "probe answered", "probe landed", "probe mailbox"
_TIMEOUT = 20.0


class Probe(BaseModel):
    """What the ledger remembers of one. answer: the server's last words; "": it is not known whether it was taken."""

    message_id: str
    route: str
    at: datetime
    answer: str = ""
    landed: str = ""


def send_probes(cutover: Cutover, stage: str) -> Receipt:
    """One to every mail server that a resolver names and that has had none yet.

    The intent is written first: after a kill it is looked for, and not sent again.
    """
    if not cutover.probes.send:
        return Receipt(stage=stage)
    ledger = Ledger(cutover.customer, this_cutover())
    entries = ledger.entries()
    recipient = _mailbox(cutover, ledger, entries)
    ways, unknown = asyncio.run(routes(recipient.partition("@")[2], resolvers_of(cutover)))
    done = {one.route for one in _probes(entries, stage)}
    for way in ways:
        if way.name in done:
            continue
        message_id = new_message_id(cutover.source.smtp_host)
        said = [Change(what=message_id, before=None, after={"route": way.name, "named_by": list(way.resolvers)})]
        ledger.record("intent", f"{stage}: {SENT}", changes=said)
        sender = cutover.probes.sender
        content = probe(
            message_id, sender=sender or f"mailmove-probe@{cutover.source.smtp_host}", recipient=recipient, at=now()
        )
        try:
            answer = redeliver(
                content,
                sender=sender or "",
                recipient=recipient,
                mx=(way.address, cutover.sweep.smtp_port),
                helo=cutover.source.smtp_host,
                timeout=_TIMEOUT,
            )
        except MailmoveError as error:
            answer = f"not taken: {error.seen}"
        ledger.record("evidence", f"{stage}: {ANSWERED}", facts=[message_id, answer])
    if unknown:
        ledger.record("evidence", f"{stage}: {SENT}", facts=[f"no way to the mail by {one}" for one in unknown])
    return Receipt(stage=stage)


def probes_landed(cutover: Cutover, stage: str) -> Evidence:
    """Where each is. NotYet: one that was taken is nowhere, and the plan's patience is not over."""
    if not cutover.probes.send:
        return witness(cutover, stage, ["the plan wants no probes"])
    ledger = Ledger(cutover.customer, this_cutover())
    entries = ledger.entries()
    waiting = []
    for one in _probes(entries, stage):
        if one.landed:
            continue
        where = _where(cutover, _mailbox(cutover, ledger, entries), one)
        if where:
            ledger.record("evidence", f"{stage}: {LANDED}", facts=[one.message_id, where])
        elif not one.answer.startswith("not taken") and now() < one.at + timedelta(
            minutes=cutover.probes.patience_minutes
        ):
            waiting.append(one.route)
    if waiting:
        raise NotYet(
            "probes",
            wanted="every probe that was taken to be found in a mailbox",
            seen=f"not yet those by {', '.join(waiting)}",
            todo=f"They are looked for again, for {cutover.probes.patience_minutes:g} minutes; nothing depends on it.",
        )
    entries = ledger.entries()
    facts = [_told(one, cutover.probes.patience_minutes) for one in _probes(entries, stage)]
    facts += [
        fact
        for entry in entries
        if entry.kind == "evidence" and entry.stage == f"{stage}: {SENT}"
        for fact in entry.facts
    ]
    facts += remove_probes(cutover, ledger.cutover)
    return witness(cutover, stage, facts or ["no resolver named a mail server: nothing was sent"])


def remove_probes(cutover: Cutover, root: UUID) -> list[str]:
    """Take every probe of a cutover out of both mailboxes; what remains is named."""
    ledger = Ledger(cutover.customer, root)
    entries = ledger.entries()
    ids = sent_probes(entries)
    if not ids:
        return []
    mailbox, remains = _mailbox(cutover, ledger, entries), []
    for name, place in _places(cutover):
        try:
            for item in place.find(mailbox, sorted(ids)):
                place.remove(mailbox, item.id)
        except Refused as error:
            remains.append(f"probes remain in {mailbox} {name}, to be deleted by hand: {error.seen}")
    return remains


def sent_probes(entries: Iterable[Entry]) -> set[str]:
    """Message-IDs of all that were sent, or may have been."""
    return {
        change.what
        for entry in entries
        if entry.kind == "intent" and entry.stage.endswith(f": {SENT}")
        for change in entry.changes
    }


def probe_findings(cutover: Cutover, stage: str) -> list[Finding]:
    """What the probes of an earlier stage showed, for the gate."""
    seen = Ledger(cutover.customer, this_cutover()).evidence(stage)
    return [
        Finding(subject="probe", seen=fact, means="This is the way that mail takes today.", todo="")
        for fact in (seen.facts if seen else [])
    ]


def _probes(entries: Iterable[Entry], stage: str) -> list[Probe]:
    found: dict[str, Probe] = {}
    for entry in entries:
        if entry.kind == "intent" and entry.stage == f"{stage}: {SENT}":
            for change in entry.changes:
                found[change.what] = Probe(message_id=change.what, route=change.after["route"], at=entry.at)
        elif entry.stage == f"{stage}: {ANSWERED}" and entry.facts[0] in found:
            found[entry.facts[0]].answer = entry.facts[1]
        elif entry.stage == f"{stage}: {LANDED}" and entry.facts[0] in found:
            found[entry.facts[0]].landed = entry.facts[1]
    return list(found.values())


def _told(one: Probe, patience: float) -> str:
    answer = one.answer or "killed before its answer was written down"
    end = one.landed or ("nowhere" if one.answer.startswith("not taken") else f"not found in {patience:g} minutes")
    return f"probe by {one.route}: {answer}; {end}"


def _where(cutover: Cutover, mailbox: str, one: Probe) -> str:
    for name, place in _places(cutover):
        for item in place.find(mailbox, [one.message_id]):
            # The servers' clocks and ours differ: what comes out below zero says no more than "at once".
            took = max(0.0, ((item.received or now()) - one.at).total_seconds())
            return f"landed {name}, in {item.folder}, after {took:.1f} s"
    return ""


def _places(cutover: Cutover) -> list[tuple[str, MessageStore]]:
    """The old server first: what lands there may have been copied to the cloud by the time we look."""
    both = (("at the old server", source_server(cutover)), ("in the cloud", tenant(cutover)))
    return [(name, place.messages) for name, place in both]


def _mailbox(cutover: Cutover, ledger: Ledger, entries: Iterable[Entry]) -> str:
    """The plan's, or the first user's; once chosen it stays, whatever the directory says later."""
    if cutover.probes.mailbox:
        return cutover.probes.mailbox
    for entry in entries:
        if entry.stage == MAILBOX:
            return entry.facts[0]
    first = min(box.address for box in source_server(cutover).inventory().moving if box.kind == "user")
    ledger.record("evidence", MAILBOX, facts=[first])
    return first
