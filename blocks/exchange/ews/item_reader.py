"""Items as FindItem and SyncFolderItems list them: elements to `Item`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from blocks.exchange.ews.answers import Speaker, T, number
from blocks.exchange.ews.request_xml import Element, field, id_and, indexed, m
from mailmove.items.folder_path import FolderPath
from mailmove.items.item import Item
from mailmove.items.keys import contact_key, event_key, other_key

_ITEM_ID, _PREFIX = f"{T}ItemId", len(T)
_KINDS = {"ipm.appointment": "event", "ipm.contact": "contact", "ipm.task": "task"}
_MAIL = ("ipm.note", "ipm.schedule", "report.ipm")
_LISTED = (
    "item:ItemClass", "item:Subject", "item:DateTimeReceived", "item:DateTimeSent", "item:Size",
    "message:InternetMessageId", "calendar:UID", "calendar:Start", "contacts:DisplayName",
)  # fmt: skip
_NAMELESS = "IPM.Note"
"""Class of an item whose class the server does not say."""


def listed_shape(*more: str) -> Element:
    """The ItemShape that `item_of` reads. more: properties besides, 'item:ParentFolderId'."""
    fields = [field(name) for name in (*_LISTED, *more)]
    return m.ItemShape(*id_and(*fields, indexed("contacts:EmailAddress", "EmailAddress1")))


def item_of(speaker: Speaker, element: Any, path: FolderPath) -> Item:
    """path: of its folder. AnswerUnreadable: it has no id."""
    text: dict[str, str] = {}
    identity = ""
    for child in element:
        tag = child.tag
        if tag == _ITEM_ID:
            identity = child.get("Id", "")
        else:
            text[tag[_PREFIX:]] = child.text or ""
    if not identity:
        raise speaker.unreadable("an item without an id")
    base = ".".join((text.get("ItemClass") or _NAMELESS).lower().split(".")[:2])
    message_id = text.get("InternetMessageId") or None
    kind = _KINDS.get(base) or ("message" if message_id or base in _MAIL else "other")
    subject, received = text.get("Subject", ""), _moment(text.get("DateTimeReceived"))
    sent = _moment(text.get("DateTimeSent"))
    if kind == "event":
        key = event_key(text.get("UID") or subject, _moment(text.get("Start")))
    elif kind == "contact":
        emails = [entry.text or "" for entry in element.iter(f"{T}Entry") if entry.get("Key") == "EmailAddress1"]
        key = contact_key(text.get("DisplayName") or subject, emails[0] if emails else "")
    else:
        key = other_key(kind, subject, sent or received)
    return Item(
        id=identity,
        folder=path,
        kind=kind,
        item_class=text.get("ItemClass", ""),
        message_id=message_id if kind == "message" else None,
        key=key,
        subject=subject,
        received=received,
        sent=sent,
        size=number(text.get("Size")),
    )


def _moment(text: str | None) -> datetime | None:
    """xs:dateTime; without a zone it is UTC, in which EWS answers. None: the server does not say, or says no date."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
