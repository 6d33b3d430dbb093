"""The requests by which one item is made in a mailbox, and what their answers mean.

Messages as MIME: learn.microsoft.com/graph/api/mailfolder-post-messages (a request of at most 4 MB; the copy is a
draft and dated today: `docs/unverified.md`). Events and contacts as JSON: calendar-post-events, user-post-contacts.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from blocks.microsoft365.answers import CLOSED, Json, closed, retry_after
from mailmove.errors import Refused
from mailmove.items.content import NONE, lack_of_base64
from mailmove.items.copy.calendar_events import Unmovable, event_fields, event_uid, global_object_id, parts_lost
from mailmove.items.copy.interfaces import Content, Outcome
from mailmove.items.identity import mark, marked_message_id

WHO = "Microsoft Graph"
LARGEST = 4_000_000
"""Bytes of a request to Graph, leaving room for its head."""

HEADER = "X-Mailmove-Item"
MARK_OF_MESSAGE = f"String {{00020386-0000-0000-C000-000000000046}} Name {HEADER}"
"""PS_INTERNET_HEADERS: where Exchange keeps a header that it does not know (MS-OXCMAIL 2.1.3.2).

Unverified for messages that Graph makes from MIME.
"""
MARK = "String {6d41f1a2-7c2e-4d0b-9a55-0f2b8c7e31aa} Name MailmoveItem"
"""Our own property on events and contacts."""
_MESSAGE_ID = re.compile(rb"^Message-ID:", re.IGNORECASE | re.MULTILINE)
_GLOBAL_OBJECT_ID = "Binary {6ED8DA90-450B-101B-98DA-00AA003F1305} Id 0x3"
_CLEAN_GLOBAL_OBJECT_ID = "Binary {6ED8DA90-450B-101B-98DA-00AA003F1305} Id 0x23"


_MADE = ("id", "itemId", "ItemId")
"""Where an answer names what it made: Graph, and the mailbox import."""


class Unsendable(ValueError):
    """Graph cannot take this item at all; the message says why."""


def mark_property(kind: str) -> str:
    return MARK_OF_MESSAGE if kind == "message" else MARK


def request_for(content: Content, user: str, folder_id: str) -> Json:
    """One request of a JSON batch, without id. folder_id: quoted; "" is the default contacts folder. Unsendable."""
    kind = content.item.kind
    if kind == "message":
        return _message(content, f"/{user}/mailFolders/{folder_id}/messages")
    fields = _contact(content) if kind == "contact" else _event(content)
    properties = [*fields.get("singleValueExtendedProperties", []), {"id": MARK, "value": mark(content.item)}]
    fields = {**fields, "singleValueExtendedProperties": properties}
    if kind == "event":
        url = f"/{user}/calendars/{folder_id}/events"
    else:
        url = f"/{user}/contactFolders/{folder_id}/contacts" if folder_id else f"/{user}/contacts"
    return {"method": "POST", "url": url, "headers": {"Content-Type": "application/json"}, "body": fields}


def _message(content: Content, url: str) -> Json:
    """Unverified: that a batch takes MIME so; a body that is no JSON is base64 there, and MIME is base64 anyway."""
    if lack := lack_of_base64(content.mime):
        raise Unsendable(lack)
    mime = str(content.mime)
    if len(mime) > LARGEST:
        raise Unsendable(f"{len(mime) * 3 // 4:,} bytes: Graph takes at most 3,000,000 of a message as MIME")
    if not content.item.message_id:
        mime = base64.b64encode(_named(base64.b64decode(mime), mark(content.item))).decode()
    return {"method": "POST", "url": url, "headers": {"Content-Type": "text/plain"}, "body": mime}


def _named(mime: bytes, digits: str) -> bytes:
    """A message without a Message-ID, with one that stands for the source's item; an empty or odd one is kept aside."""
    gap = re.search(rb"\r?\n\r?\n", mime)
    end = gap.start() if gap else len(mime)
    head = _MESSAGE_ID.sub(rb"X-Original-Message-ID:", mime[:end])
    return f"{HEADER}: {digits}\r\nMessage-ID: {marked_message_id(digits)}\r\n".encode() + head + mime[end:]


def _contact(content: Content) -> dict[str, Any]:
    if not content.fields or not any(content.fields.values()):
        raise Unsendable(NONE)
    return dict(content.fields)


def without_parts(content: Content) -> tuple[str, ...]:
    """Parts of an item that Graph has no place for; it is stored without them. No messages: they go whole."""
    if content.item.kind != "event" or content.mime is None:
        return content.without
    return (*content.without, *parts_lost(base64.b64decode(content.mime)))


def _event(content: Content) -> dict[str, Any]:
    if lack := lack_of_base64(content.mime):
        raise Unsendable(lack)
    try:
        calendar = base64.b64decode(str(content.mime))
        fields, goid = event_fields(calendar), global_object_id(event_uid(calendar))
    except (Unmovable, ValueError) as error:
        raise Unsendable(f"{error}; move it by hand") from None
    fields["singleValueExtendedProperties"] = [
        {"id": name, "value": goid} for name in (_GLOBAL_OBJECT_ID, _CLEAN_GLOBAL_OBJECT_ID)
    ]
    return fields


def outcome_of(status: int, headers: dict[str, Any], body: Any, wanted: str) -> Outcome:
    """What one answer means for its item. Refused: no right to write into this mailbox. MailboxClosed."""
    error = body.get("error") if isinstance(body, dict) else None
    said = error if isinstance(error, dict) else {}
    code, message = (str(said.get(name) or "") for name in ("code", "message"))
    why = f"{status} {code}: {message}"[:300]
    if status in (200, 201):
        # A success tells the item that it has made: anything else is no proof that something was stored.
        made = isinstance(body, dict) and any(body.get(name) for name in _MADE)
        return Outcome("stored") if made else Outcome("unknown", f"{status} without the item that it made")
    if code in CLOSED:
        raise closed(WHO, wanted, why, status, code)
    if status in (424, 401) or (status == 404 and code != "ErrorInvalidUser"):
        # The one before it failed; the token ran out; a folder just made is not known everywhere yet.
        return Outcome("unsent", why, 1.0 if status == 404 else 0.0)
    if status == 429 or (status == 503 and "Retry-After" in headers):
        return Outcome("unsent", why, retry_after(headers), busy=True)
    if status == 403:
        todo = "Grant the application Mail.ReadWrite, Calendars.ReadWrite and Contacts.ReadWrite, with admin consent."
        raise Refused(WHO, wanted=wanted, seen=why, todo=todo)
    if status >= 500 or status == 408:
        return Outcome("unknown", why)
    return Outcome("refused", why)
