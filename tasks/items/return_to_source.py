"""Mail that reached the target after the switch, when the switch is undone: listed, and on request returned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from mailmove.changes import Change, ChangeKind, MessageSubject
from mailmove.errors import Blocked, MailmoveError, SignInRefused, Transient
from mailmove.evidence import Receipt
from mailmove.items.content import lack_of
from mailmove.items.folder_path import shown
from mailmove.items.identity import holds, holds_digest, is_marked, may_be_same, without_match
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
    context = Context(running.plan, NAME, root=root, undoes=True)
    remains = remove_probes(context)
    entries = context.ledger.entries()
    switched = [
        entry.at
        for entry in entries
        if (entry.stage, entry.kind, entry.topic) == ("switch_mail", EntryKind.INTENT, Topic.STAGE)
    ]
    since = min(switched, default=None)
    if since is None:
        return Receipt(stage=NAME, remains=remains)
    ours, returned = sent_probes(entries), _Returned(remains=remains)
    boxes, unread = context.source.inventory().moving, list[MailmoveError]()
    for box in boxes:
        try:
            _look_into(context, box.address, since, ours, wanted, returned)
        except SignInRefused:
            raise
        except MailmoveError as error:
            unread.append(error)
            returned.remains.append(f"{box.address}: mail that only the cloud has was not looked at: {error}")
    if unread and len(unread) == len(boxes):
        raise unread[0]  # no mailbox could be looked into: that is no mailbox's fault
    if returned.only_at_target:
        returned.remains.append(
            f"{returned.only_at_target} messages can be returned: `mailmove rollback --return-mail` with the plan"
        )
    returned.remains.append(
        "a sender that still remembers the new MX delivers to the cloud until the TTL has run out: "
        "run the rollback once more after that. What people wrote in the cloud meanwhile stays there"
    )
    return Receipt(stage=NAME, changes=returned.changes, remains=returned.remains)


def _look_into(
    context: Context, mailbox: str, since: datetime, ours: Collection[str], wanted: bool, returned: _Returned
) -> None:
    """Name what only the target's mailbox has, or return it."""
    source, cloud = context.source, context.tenant
    messages = [
        item
        for item in cloud.messages.since(mailbox, since - _CLOCKS)
        if (item.message_id or "") not in ours and not is_marked(item.message_id or "")
    ]
    named = [item for item in messages if item.message_id]
    returned.remains += [
        f"{_title(mailbox, item)} has no Message-ID, so that nothing shows whether the old server has it: look for it"
        for item in messages
        if not item.message_id
    ]
    at_source = _at_source(source, mailbox, named)
    alone = [item for item in without_match(named, at_source) if not _has_come_back(context, mailbox, item, at_source)]
    if wanted:
        _return_mailbox(context, source, cloud, mailbox, alone, returned)
    else:
        returned.only_at_target += len(alone)
        returned.remains += [f"{_title(mailbox, item)} is only in the cloud" for item in alone]


def _return_mailbox(
    context: Context, source: SourceServer, cloud: Tenant, mailbox: str, alone: list[Item], returned: _Returned
) -> None:
    failures = {item.id: _deliver(context, cloud, mailbox, item) for item in alone}
    waited_for = [item for item in alone if not failures[item.id]]
    late = {item.id for item in _wait_for(context, source, mailbox, waited_for)}
    for item in alone:
        if not failures[item.id] and item.id not in late:
            returned.changes.append(_change(mailbox, item, "only in the cloud", "at the old server too"))
        else:
            why = failures[item.id] or "delivered, and not seen there yet: look again"
            returned.remains.append(f"{_title(mailbox, item)}: {why}")


def _at_source(source: SourceServer, mailbox: str, items: list[Item]) -> list[Item]:
    """What the source's mailbox has of these Message-IDs."""
    ids = list(dict.fromkeys(item.message_id for item in items if item.message_id))
    return [
        item
        for start in range(0, len(ids), _BATCH)
        for item in source.messages.find(mailbox, ids[start : start + _BATCH])
        if item.message_id
    ]


def _has_come_back(context: Context, mailbox: str, item: Item, at_source: list[Item]) -> bool:
    """Was it returned before, and is there? A sync of the batch may have brought what was returned to the target again,
    so that the target has two of what the source has once; without a Date header each has a date of its own.
    """
    there = [other for other in at_source if other.identity == item.identity and may_be_same(item, holds(other))]
    return bool(there) and _may_be_there(context, mailbox, item)


def _wait_for(context: Context, source: SourceServer, mailbox: str, items: list[Item]) -> list[Item]:
    """Those of the items that the source does not show, even after a while."""
    deadline = context.now() + timedelta(seconds=_SEEN_WITHIN)
    while True:
        late = without_match(items, _at_source(source, mailbox, items))
        if not late or context.now() > deadline:
            return late
        context.sleep(1)


def _deliver(context: Context, cloud: Tenant, mailbox: str, item: Item) -> str:
    """Deliver it to the source, unless an earlier try may have done so; "": done, else why not."""
    if _may_be_there(context, mailbox, item):
        return ""
    try:
        content = cloud.messages.content(mailbox, item.id)
    except SignInRefused:
        raise
    except MailmoveError as error:
        return f"not delivered: {error}"
    if lack := lack_of(content):
        return f"not delivered: the cloud does not give it: {lack}"
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
        _record_refusal(context, mailbox, item, error.seen)
        return f"not delivered: {error.seen}. Run the rollback once more"
    except Blocked as error:
        _record_refusal(context, mailbox, item, error.seen)
        return f"not delivered: {error}"
    return ""


def _may_be_there(context: Context, mailbox: str, item: Item) -> bool:
    """Was its delivery begun, and not refused since? Entries of before do not say which of a Message-ID's it was."""
    begun, wanted = False, (mailbox, str(item.message_id))
    mine = ("", holds_digest(item))
    for entry in context.ledger.entries():
        if entry.topic is not Topic.RETURN:
            continue
        for change in entry.changes:
            subject = change.subject
            if isinstance(subject, MessageSubject) and subject.holds in mine:
                begun |= (subject.mailbox, subject.message_id) == wanted
        refused = entry.payload
        if isinstance(refused, Return) and refused.holds in mine and (refused.mailbox, refused.message_id) == wanted:
            begun = False
    return begun


def _record_refusal(context: Context, mailbox: str, item: Item, answer: str) -> None:
    message_id = str(item.message_id)
    refused = Return(mailbox=mailbox, message_id=message_id, answer=answer, holds=holds_digest(item))
    context.ledger.record(EntryKind.EVIDENCE, NAME, payload=refused, facts=[f"{mailbox} {message_id}: {answer}"])


def _change(mailbox: str, item: Item, before: str | None, after: str) -> Change:
    subject = MessageSubject(
        mailbox=mailbox, message_id=str(item.message_id), title=_title(mailbox, item), holds=holds_digest(item)
    )
    return Change(kind=ChangeKind.RETURN, subject=subject, before=before, after=after)


def _title(mailbox: str, item: Item) -> str:
    when = f" of {item.received:%Y-%m-%d %H:%M:%S} UTC" if item.received else ""
    return f"{mailbox}: '{item.subject}'{when} in {shown(item.folder)}"


def list_unreturned(plan: Cutover, error: object) -> Receipt:
    """What a rollback says when this could not be looked at."""
    return Receipt(stage=NAME, remains=[f"{plan.customer}: mail that only the cloud has was not looked at: {error}"])
