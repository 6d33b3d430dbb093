"""Elements of GetItem's and GetAttachment's answers, as nodes. Sources: MS-OXWSCORE 2.2.4, MS-OXWSATT 2.2.4.

What of an answer cannot be read is its node's `fault`, so that it is asked for again; what is absent was not shown.
"""

from __future__ import annotations

import binascii
import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from blocks.exchange.ews.answers import T, number
from blocks.exchange.ews.pages import truth
from blocks.exchange.ews.whole.nodes import Node, Occurrence, Part
from mailmove.items.stream.ews_fields import property_answered
from mailmove.items.stream.ews_item import EwsAddress, EwsAttendee
from mailmove.items.stream.properties import Property

_EXTENDED, _URI = f"{T}ExtendedProperty", f"{T}ExtendedFieldURI"
_VALUE, _VALUES = f"{T}Value", f"{T}Values"
_SINGLE = {f"{T}From": "author", f"{T}Sender": "sender", f"{T}Organizer": "organizer"}
_ADDRESSES = {f"{T}ToRecipients": "to", f"{T}CcRecipients": "cc", f"{T}BccRecipients": "bcc"}
_ATTENDEES = {f"{T}RequiredAttendees": "required", f"{T}OptionalAttendees": "optional", f"{T}Resources": "resources"}
_FILE, _ATTACHED_ITEM = f"{T}FileAttachment", f"{T}ItemAttachment"
_OF_ATTACHMENT = {
    f"{T}{name}"
    for name in (
        "AttachmentId", "Name", "ContentType", "ContentId", "ContentLocation", "AttachmentOriginalUrl", "Size",
        "LastModifiedTime", "IsInline",
    )
}  # fmt: skip
_FIRST_YEAR = 1601
"""Before it there is no time in Exchange: 0001-01-01 stands for none."""


def node_of(element: Any) -> Node:
    """element: t:Message, t:CalendarItem, t:Contact, t:Task, t:Item ..."""
    node = Node()
    for child in element.iterchildren(etree.Element):
        tag = child.tag
        if tag == _EXTENDED:
            _take_property(node, child)
        elif tag == f"{T}ItemClass":
            node.item_class = child.text or ""
        elif tag == f"{T}MimeContent":
            node.mime = _bytes(node, child, "MimeContent")
        elif tag in _SINGLE:
            if (mailbox := child.find(f"{T}Mailbox")) is not None:
                node.people[_SINGLE[tag]] = _address(mailbox)
        elif tag in _ADDRESSES:
            node.people[_ADDRESSES[tag]] = tuple(_address(mailbox) for mailbox in child.iterchildren(f"{T}Mailbox"))
        elif tag in _ATTENDEES:
            people = (_attendee(attendee) for attendee in child.iterchildren(f"{T}Attendee"))
            node.people[_ATTENDEES[tag]] = tuple(attendee for attendee in people if attendee is not None)
        elif tag == f"{T}Attachments":
            _take_attachments(node, child)
        elif tag == f"{T}ModifiedOccurrences":
            changed = (_occurrence(node, each) for each in child.iterchildren(f"{T}Occurrence"))
            node.occurrences = [occurrence for occurrence in changed if occurrence is not None]
    if not node.values:  # every item has a class at least: something passes over what it is asked for
        node.fault = node.fault or "success, and none of the properties that were asked for"
    return node


def take_attachment(owner: Node, part: Part, element: Any) -> None:
    """element: t:FileAttachment or t:ItemAttachment of GetAttachment's answer, with its content."""
    if part.is_item:
        items = [child for child in element.iterchildren(etree.Element) if child.tag not in _OF_ATTACHMENT]
        part.inner = node_of(items[0]) if items else None
        owner.fault = owner.fault or (part.inner.fault if part.inner else "")
    else:
        content = element.find(f"{T}Content")
        part.content = None if content is None else _bytes(owner, content, "Content")
        photo = truth(element.findtext(f"{T}IsContactPhoto"))
        part.photo = part.photo or bool(photo)


def _take_property(node: Node, element: Any) -> None:
    uri, single, several = element.find(_URI), element.find(_VALUE), element.find(_VALUES)
    owner = None if uri is None else _owner(tuple(uri.items()))
    if owner is None:
        return  # nothing that was asked for
    if single is not None:
        node.values[owner] = single.text or ""
    elif several is not None:
        node.values[owner] = [value.text or "" for value in several.iterchildren(_VALUE)]


@functools.lru_cache(4096)
def _owner(attributes: Sequence[tuple[str, str]]) -> Property | None:
    return property_answered(dict(attributes))


def _take_attachments(node: Node, element: Any) -> None:
    for child in element.iterchildren(etree.Element):
        name = child.findtext(f"{T}Name") or ""
        identity = child.find(f"{T}AttachmentId")
        if child.tag not in (_FILE, _ATTACHED_ITEM):
            node.links.append(name)
        elif identity is None or not identity.get("Id"):
            node.fault = "an attachment without an id"
        else:
            part = Part(identity.get("Id"), name, child.tag == _ATTACHED_ITEM)
            part.content_type = child.findtext(f"{T}ContentType") or ""
            part.content_id = child.findtext(f"{T}ContentId") or ""
            part.content_location = child.findtext(f"{T}ContentLocation") or ""
            part.inline = truth(child.findtext(f"{T}IsInline"))
            part.photo = bool(truth(child.findtext(f"{T}IsContactPhoto")))
            part.size = number(child.findtext(f"{T}Size"))
            node.parts.append(part)


def _address(mailbox: Any) -> EwsAddress:
    """A private distribution list has no address."""
    texts = [mailbox.findtext(f"{T}{name}") or "" for name in ("Name", "EmailAddress", "RoutingType")]
    return EwsAddress(texts[0], texts[1], texts[2] or "SMTP")


def _attendee(element: Any) -> EwsAttendee | None:
    mailbox = element.find(f"{T}Mailbox")
    if mailbox is None:
        return None
    response: Any = element.findtext(f"{T}ResponseType") or "Unknown"
    return EwsAttendee(_address(mailbox), response, _moment(element.findtext(f"{T}LastResponseTime")))


def _occurrence(node: Node, element: Any) -> Occurrence | None:
    identity = element.find(f"{T}ItemId")
    moments = [_moment(element.findtext(f"{T}{name}")) for name in ("OriginalStart", "Start", "End")]
    original, start, end = moments
    if identity is None or not identity.get("Id") or original is None or start is None or end is None:
        node.fault = "a changed occurrence without its id or its times"
        return None
    return Occurrence(identity.get("Id"), original, start, end)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").strip())
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year > _FIRST_YEAR else None


def _bytes(node: Node, element: Any, name: str) -> bytes | None:
    """Exchange gives base64 broken (exchangelib 707)."""
    try:
        data = "".join((element.text or "").split())
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except ValueError:
        node.fault = f"success, and a {name} that is no base64"
        return None
