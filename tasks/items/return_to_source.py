"""Mail that reached the target after the switch, when the switch is undone: listed, and on request returned."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from mailmove.changes import Change, ChangeKind, MessageSubject
from mailmove.errors import Blocked, Refused, Transient
from mailmove.evidence import Receipt
from mailmove.items.item import Item
from mailmove.plan.cutover import Cutover
from mailmove.ports import SourceServer, Tenant
from mailmove.smtp.redeliver import MaybeTaken, redeliver
from tasks.dns.host_addresses import addresses_of
from tasks.execution.context import Context
from tasks.execution.retry_policies import rollback_task
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import Return, Topic
from tasks.traffic.probes import remove_probes, sent_probes

NAME = "return_to_source"
_CLOCKS = timedelta(minutes=5)
_BATCH = 50
"""Message-IDs in one question to the source."""
_SEEN_WITHIN = 60.0
"""Seconds that the source is given to file what it has taken."""


@dataclass
class _Returned:
    """What became of the mail of one mailbox, or of all."""

    changes: list[Change] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)
    only_at_target: int = 0


@rollback_task
def return_to_source(running: Context, root: UUID, wanted: bool) -> Receipt:
    """Every message that only the target has, by name; with `wanted`, delivered to the source with its content.

    Once each, however often it is called: the source's mailbox is asked first, and the intent is written down. Probes
    are removed.
    """
    context = Context(running.plan, NAME, root=root)
    remains = remove_probes(context)
    entries = context.ledger.entries()
    switched = [
        entry.at
        for entry in entries
        if (entry.stage, entry.kind, entry.topic) == ("switch_mail", EntryKind.INTENT, Topic.STAGE)
    ]
    since = min(switched, default=None)
    cloud, source = context.tenant, context.source
    if since is None:
        return Receipt(stage=NAME, remains=remains)
    ours, returned = sent_probes(entries), _Returned(remains=remains)
    for box in source.inventory().moving:
        try:
            arrived = list(cloud.messages.since(box.address, since - _CLOCKS))
        except Refused:
            raise
        except Blocked as error:
            returned.remains.append(f"{box.address}: what reached the cloud is not known. {error}")
            continue
        # Without a Message-ID nobody can ask the source for it.
        returned.remains += [
            f"{_title(box.address, item)}: look for it by hand" for item in arrived if not item.message_id
        ]
        messages = [item for item in arrived if item.message_id and item.message_id not in ours]
        at_source = _at_source(source, box.address, messages)
        alone = [item for item in messages if item.message_id not in at_source]
        if wanted:
            _return_mailbox(context, source, cloud, box.address, alone, returned)
        else:
            returned.only_at_target += len(alone)
            returned.remains += [f"{_title(box.address, item)} is only in the cloud" for item in alone]
    if returned.only_at_target:
        returned.remains.append(
            f"{returned.only_at_target} messages can be returned: `mailmove rollback --return-mail` with the plan"
        )
    returned.remains.append(
        "a sender that still remembers the new MX delivers to the cloud until the TTL has run out: "
        "run the rollback once more after that. What people wrote in the cloud meanwhile stays there"
    )
    return Receipt(stage=NAME, changes=returned.changes, remains=returned.remains)


def _return_mailbox(
    context: Context, source: SourceServer, cloud: Tenant, mailbox: str, alone: list[Item], returned: _Returned
) -> None:
    failures = {item.id: _deliver(context, cloud, mailbox, item) for item in alone}
    arrived = _wait_for(context, source, mailbox, [item for item in alone if not failures[item.id]])
    for item in alone:
        if item.message_id in arrived:
            returned.changes.append(_change(mailbox, item, "only in the cloud", "at the old server too"))
        else:
            why = failures[item.id] or "delivered, and not seen there yet: look again"
            returned.remains.append(f"{_title(mailbox, item)}: {why}")


def _at_source(source: SourceServer, mailbox: str, items: list[Item]) -> set[str]:
    """Which of these the source's mailbox has, by Message-ID."""
    ids = list(dict.fromkeys(item.message_id for item in items if item.message_id))
    return {
        item.message_id
        for start in range(0, len(ids), _BATCH)
        for item in source.messages.find(mailbox, ids[start : start + _BATCH])
        if item.message_id
    }


def _wait_for(context: Context, source: SourceServer, mailbox: str, items: list[Item]) -> set[str]:
    deadline = context.now() + timedelta(seconds=_SEEN_WITHIN)
    wanted = {item.message_id for item in items}
    while True:
        arrived = _at_source(source, mailbox, items)
        if len(arrived) >= len(wanted) or context.now() > deadline:
            return arrived
        context.sleep(1)


def _deliver(context: Context, cloud: Tenant, mailbox: str, item: Item) -> str:
    """Deliver it to the source, unless an earlier try may have done so; "": done, else why not."""
    message_id = str(item.message_id)
    if _may_be_there(context, mailbox, message_id):
        return ""
    try:
        content = cloud.messages.content(mailbox, item.id)
    except Refused as error:
        return f"not delivered: {error}"
    intent = _change(mailbox, item, None, "delivered")
    context.fence()
    context.ledger.record(EntryKind.INTENT, NAME, topic=Topic.RETURN, changes=[intent])
    try:
        # An empty envelope sender: no bounce of ours may reach whoever wrote it.
        redeliver(
            content,
            sender="",
            recipient=mailbox,
            mx=(addresses_of(context, context.plan.source.smtp_host)[0], context.plan.sweep.smtp_port),
            helo=context.plan.source.smtp_host,
        )
    except MaybeTaken:
        return ""
    except Transient as error:
        _record_refusal(context, mailbox, message_id, error.seen)
        return f"not delivered: {error.seen}. Run the rollback once more"
    except Blocked as error:
        _record_refusal(context, mailbox, message_id, error.seen)
        return f"not delivered: {error}"
    return ""


def _may_be_there(context: Context, mailbox: str, message_id: str) -> bool:
    """Was its delivery begun, and not refused since?"""
    begun = False
    for entry in context.ledger.entries():
        if entry.topic is not Topic.RETURN:
            continue
        for change in entry.changes:
            if isinstance(change.subject, MessageSubject):
                begun |= (change.subject.mailbox, change.subject.message_id) == (mailbox, message_id)
        if isinstance(entry.payload, Return) and (entry.payload.mailbox, entry.payload.message_id) == (
            mailbox,
            message_id,
        ):
            begun = False
    return begun


def _record_refusal(context: Context, mailbox: str, message_id: str, answer: str) -> None:
    refused = Return(mailbox=mailbox, message_id=message_id, answer=answer)
    context.ledger.record(EntryKind.EVIDENCE, NAME, payload=refused, facts=[f"{mailbox} {message_id}: {answer}"])


def _change(mailbox: str, item: Item, before: str | None, after: str) -> Change:
    subject = MessageSubject(mailbox=mailbox, message_id=str(item.message_id), title=_title(mailbox, item))
    return Change(kind=ChangeKind.RETURN, subject=subject, before=before, after=after)


def _title(mailbox: str, item: Item) -> str:
    when = f" of {item.received:%Y-%m-%d %H:%M:%S} UTC" if item.received else ""
    return f"{mailbox}: '{item.subject}'{when} in {item.folder}"


def list_unreturned(plan: Cutover, error: object) -> Receipt:
    """What a rollback says when this could not be looked at."""
    return Receipt(stage=NAME, remains=[f"{plan.customer}: mail that only the cloud has was not looked at: {error}"])
