"""Writes an item in the shape that was asked for, in the order of the schema (types.xsd: ItemType and its children)."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

from lab.cloud.item_stream.stored import Properties
from lab.exchange.ews.bodies import body_xml
from lab.exchange.ews.calendar_fields import CALENDAR, MEETING_MESSAGE, MEETING_REQUEST, zone_element
from lab.exchange.ews.contact_fields import CONTACT, LIST, TASK_FIELDS
from lab.exchange.ews.extended import extended_xml
from lab.exchange.ews.fields import PLAIN, Shape, item_xml
from lab.exchange.ews.item_fields import HEAD, MESSAGE, POST, TAIL, Writer
from lab.exchange.ews.schema import SINCE
from lab.exchange.ews.session import Session
from lab.exchange.ews.view import View, view_of
from lab.exchange.ews.xml import EwsError, attribute
from lab.item_parts import payload
from lab.mail_store import Mailbox, StoredItem

_OF_ELEMENT: dict[str, dict[str, Writer]] = {
    "Message": MESSAGE, "PostItem": POST, "CalendarItem": CALENDAR, "Contact": CONTACT, "DistributionList": LIST,
    "Task": TASK_FIELDS, "MeetingMessage": MESSAGE | MEETING_MESSAGE, "MeetingResponse": MESSAGE | MEETING_MESSAGE,
    "MeetingCancellation": MESSAGE | MEETING_MESSAGE, "MeetingRequest": MESSAGE | MEETING_MESSAGE | MEETING_REQUEST,
}  # fmt: skip
_DEFAULT = {
    "item:Subject", "item:DateTimeReceived", "item:Size", "item:HasAttachments", "item:Sensitivity",
    "message:InternetMessageId", "message:From", "message:IsRead", "calendar:Start", "calendar:End",
    "calendar:Location", "calendar:CalendarItemType", "calendar:Organizer", "contacts:FileAs",
    "contacts:EmailAddresses", "contacts:PhoneNumbers", "contacts:DisplayName", "task:DueDate", "task:PercentComplete",
    "task:StartDate", "task:Status",
}  # fmt: skip
_ZONES = ("calendar:MeetingTimeZone", "calendar:StartTimeZone", "calendar:EndTimeZone")
_NOT_LISTED = {
    "mime", "item:Body", "item:Attachments", "item:InternetMessageHeaders", "message:ToRecipients",
    "message:CcRecipients", "message:BccRecipients", "message:ReplyTo", "calendar:RequiredAttendees",
    "calendar:OptionalAttendees", "calendar:Resources", "calendar:Recurrence", "calendar:FirstOccurrence",
    "calendar:LastOccurrence", "calendar:ModifiedOccurrences", "calendar:DeletedOccurrences",
    "calendar:MeetingTimeZone", "task:Recurrence", "distributionlist:Members",
}  # fmt: skip
"""What FindItem and SyncFolderItems never give (learn.microsoft.com: properties by operation)."""
_LETTERS, _BYTES = 255, 512
"""To which FindItem cuts a long value."""
_ENTRY = re.compile(r'<t:(Entry|InternetMessageHeader|Member) (?:Key|HeaderName)="([^"]*)">.*?</t:\1>', re.DOTALL)
_NO_MIME_IN_2007 = ("Contact", "DistributionList", "Task")


def written(session: Session, box: Mailbox, item: StoredItem, shape: Shape, *, listing: bool, day: str = "") -> str:
    """listing: of FindItem or SyncFolderItems. day: of an occurrence."""
    plain = item.mapi is None and not day and not shape.extended
    if plain and (listing or (shape.uris <= PLAIN and shape.base != "AllProperties")):
        return item_xml(box.address, item, set(shape.uris))
    return view_xml(view_of(session, box, item, day), shape, listing=listing)


def view_xml(view: View, shape: Shape, *, listing: bool = False) -> str:
    """EwsError: the item has no content of the kind asked for."""
    fields = _OF_ELEMENT[view.element]
    uris = _asked(view, shape, fields)
    if listing:
        uris -= _NOT_LISTED
    parts = []
    if "mime" in uris:
        parts.append(f'<t:MimeContent CharacterSet="UTF-8">{_mime(view)}</t:MimeContent>')
    if view.identifier:
        parts.append(f'<t:ItemId Id={attribute(view.identifier)} ChangeKey="AQ=="/>')
    if view.folder and "item:ParentFolderId" in uris:
        parts.append(f'<t:ParentFolderId Id={attribute(view.folder)} ChangeKey="AQ=="/>')
    for uri, write in HEAD.items():
        parts += _element(view, uri, write, uris, shape)
        if uri == "item:Sensitivity" and "item:Body" in uris:
            parts.append(body_xml(view.message.properties, shape.body))
    if shape.extended:
        properties = view.properties()
        parts.append(extended_xml(shape.extended, _cut(properties) if listing else properties))
    for uri, write in (TAIL | fields).items():
        parts += _element(view, uri, write, uris, shape)
    if view.major >= 14 and view.element in ("CalendarItem", "MeetingRequest"):
        parts += [zone_element(view, uri) for uri in _ZONES[1:] if uri in uris]
    return f"<t:{view.element}>{''.join(parts)}</t:{view.element}>"


def _asked(view: View, shape: Shape, fields: dict[str, Writer]) -> set[str]:
    uris = {"contacts:EmailAddresses" if uri == "emails" else uri for uri in shape.uris}
    if shape.base == "Default":
        uris |= _DEFAULT
    if shape.base == "AllProperties":
        every = {*HEAD, *TAIL, *fields, *_ZONES, "item:Body", "item:ParentFolderId"}
        uris |= {uri for uri in every if SINCE[uri] <= view.major}
    return uris


def _element(view: View, uri: str, write: Writer, uris: set[str], shape: Shape) -> list[str]:
    if uri not in uris:
        return []
    if uri in _ZONES:
        return [zone_element(view, uri)]
    inner, name = write(view), uri.partition(":")[2]
    keys = {key for field, key in shape.entries if field == uri}
    if inner and keys and shape.base != "AllProperties":
        inner = "".join(entry[0] for entry in _ENTRY.finditer(inner) if entry[2] in keys) or None
    return [] if inner is None else [f"<t:{name}>{inner}</t:{name}>"]


def _mime(view: View) -> str:
    if view.major == 8 and view.element in _NO_MIME_IN_2007:
        raise EwsError("ErrorUnsupportedMimeConversion", f"{view.element}s have no MIME content in this version.")
    bare = view.element in ("CalendarItem", "Contact")
    return base64.b64encode(payload(view.mime) if bare else view.mime).decode()


def _cut(properties: Properties) -> Properties:
    cut = Properties()
    for key, kept in properties.items():
        value = kept.value
        if isinstance(value, str | bytes):
            value = value[: _LETTERS if isinstance(value, str) else _BYTES]
        cut[key] = replace(kept, value=value)
    return cut
