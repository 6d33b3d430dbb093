"""EWS item properties: what each kind of item says in XML, and restrictions evaluated over it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lab.exchange.ews.extended import ExtendedField, read_path
from lab.exchange.ews.schema import check_uri, whole_of
from lab.exchange.ews.xml import Element, EwsError, local, make_id, stamp, text_of
from lab.item_parts import contact_parts, event_parts, payload
from lab.mail_store import StoredItem

TAGS = {"message": "Message", "event": "CalendarItem", "contact": "Contact"}
CLASSES = {"message": "IPM.Note", "event": "IPM.Appointment", "contact": "IPM.Contact"}
_PLAIN: dict[str, Callable[[StoredItem], str]] = {
    "item:ItemClass": lambda item: item.mapi.message_class if item.mapi else CLASSES.get(item.kind, "IPM.Note"),
    "item:Subject": lambda item: item.subject,
    "item:DateTimeReceived": lambda item: stamp(item.received),
    "item:Size": lambda item: str(item.size),
    "item:DateTimeSent": lambda item: stamp(item.sent),
    "item:DateTimeCreated": lambda item: stamp(item.received),
    "item:HasAttachments": lambda item: str(b"Content-Disposition: attachment" in item.mime).lower(),
    "item:LastModifiedTime": lambda item: stamp(item.received),
}
_EVENT: dict[str, Callable[[StoredItem], str]] = {
    "calendar:UID": lambda item: event_parts(item.mime).uid,
    "calendar:Start": lambda item: stamp(event_parts(item.mime).start),
    "calendar:End": lambda item: stamp(event_parts(item.mime).end),
    "calendar:IsRecurring": lambda item: "false",  # true for occurrences only; FindItem gives masters
    "calendar:CalendarItemType": lambda item: "RecurringMaster" if event_parts(item.mime).recurring else "Single",
}
_MESSAGE: dict[str, Callable[[StoredItem], str]] = {
    "message:InternetMessageId": lambda item: item.message_id,
    "message:IsRead": lambda item: "true",
}
_CONTACT: dict[str, Callable[[StoredItem], str]] = {
    "contacts:DisplayName": lambda item: contact_parts(item.mime).name,
    "contacts:FileAs": lambda item: contact_parts(item.mime).name,
}
_KINDS = {"message": _MESSAGE, "event": _EVENT, "contact": _CONTACT}
_DEFAULT = ("item:Subject", "item:DateTimeReceived", "item:Size", "message:InternetMessageId", "calendar:Start")


def value(item: StoredItem, uri: str) -> str | None:
    """A property as text; None: this item has none such."""
    reader = _PLAIN.get(uri) or _KINDS.get(item.kind, {}).get(uri)
    return (reader(item) or None) if reader else None


@dataclass(frozen=True)
class Shape:
    """uris: fields by their URI; `mime` and `emails` stand for those two. body: Best, HTML, Text."""

    base: str
    uris: frozenset[str]
    extended: tuple[ExtendedField, ...] = ()
    body: str = "Best"
    entries: frozenset[tuple[str, str]] = frozenset()
    """(field, key of an entry) of dictionaries of which single entries are asked for."""


PLAIN = frozenset({*_PLAIN, *_EVENT, *_MESSAGE, *_CONTACT, "mime", "emails", "item:ParentFolderId", "item:ItemId"})
"""What is read of an item's MIME, without making properties of it."""


def asked_for(request: Element, *, major: int, name: str = "ItemShape") -> Shape:
    """What an ItemShape or an AttachmentShape asks for.

    EwsError: a property that the server's schema does not have.
    """
    shape = request.find(f"{{*}}{name}")
    if shape is None and name == "ItemShape":
        raise EwsError("ErrorSchemaValidation", "ItemShape is missing.", fault=True)
    if shape is None:
        return Shape("AllProperties", frozenset())
    base = (shape.findtext("{*}BaseShape") or "IdOnly").strip() if name == "ItemShape" else "AllProperties"
    uris = set(_DEFAULT) if base == "Default" else set()
    if base == "AllProperties":
        uris = {*_PLAIN, *_EVENT, *_MESSAGE, *_CONTACT, "emails"}
    if (shape.findtext("{*}IncludeMimeContent") or "").lower() == "true":
        uris.add("mime")
    extended, entries = [], set()
    for element in shape.findall("{*}AdditionalProperties/*"):
        if local(element) == "ExtendedFieldURI":
            extended.append(read_path(element, major=major))
            continue
        uri, indexed = element.get("FieldURI", ""), local(element) == "IndexedFieldURI"
        check_uri(uri, major, indexed=indexed)
        if indexed:
            entries.add((whole_of(uri), element.get("FieldIndex", "")))
            uri = "emails" if uri == "contacts:EmailAddress" else whole_of(uri)
        uris.add("mime" if uri == "item:MimeContent" else uri)
    body = (shape.findtext("{*}BodyType") or "Best").strip()
    if base not in ("IdOnly", "Default", "AllProperties") or body not in ("Best", "HTML", "Text"):
        raise EwsError("ErrorSchemaValidation", f"The request failed schema validation: {base}, {body}", fault=True)
    return Shape(base, frozenset(uris), tuple(extended), body, frozenset(entries))


def item_xml(address: str, item: StoredItem, uris: set[str]) -> str:
    """The item with the properties asked for that it has."""
    parts = [f'<t:ItemId Id="{make_id("item", address, item.id)}" ChangeKey="AQ=="/>']
    if "mime" in uris:
        parts.append(f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(content(item)).decode()}</t:MimeContent>')
    if "item:ParentFolderId" in uris:
        parts.append(f'<t:ParentFolderId Id="{make_id("folder", address, item.folder)}" ChangeKey="AQ=="/>')
    for uri in (*_PLAIN, *_KINDS.get(item.kind, {})):
        if uri in uris and (text := value(item, uri)) is not None:
            name = uri.partition(":")[2]
            parts.append(f"<t:{name}>{text_of(text)}</t:{name}>")
    if "emails" in uris and item.kind == "contact" and (email := contact_parts(item.mime).email):
        parts.append(f'<t:EmailAddresses><t:Entry Key="EmailAddress1">{text_of(email)}</t:Entry></t:EmailAddresses>')
    tag = TAGS.get(item.kind, "Message")
    return f"<t:{tag}>{''.join(parts)}</t:{tag}>"


def content(item: StoredItem) -> bytes:
    """MimeContent: a message whole; of an event the iCalendar stream, of a contact the vCard."""
    return item.mime if item.kind == "message" else payload(item.mime)


def matches(item: StoredItem, condition: Element) -> bool:
    """Does a search expression hold for an item? EwsError: one that this server does not know."""
    name = local(condition)
    if name == "Restriction":
        return all(matches(item, inner) for inner in condition)
    if name == "And":
        return all(matches(item, inner) for inner in condition)
    if name == "Or":
        return any(matches(item, inner) for inner in condition)
    if name == "Not":
        return not all(matches(item, inner) for inner in condition)
    uri = condition.find("{*}FieldURI")
    if uri is None:
        raise EwsError("ErrorUnsupportedPathForQuery", "Only properties of the schema can be searched.")
    have = value(item, uri.get("FieldURI", ""))
    if name == "Exists":
        return have is not None
    constant = condition.find(".//{*}Constant")
    wanted = constant.get("Value", "") if constant is not None else ""
    if name == "Contains":
        return wanted.casefold() in (have or "").casefold()
    if have is None:
        return name == "IsNotEqualTo"
    order = _order(have, wanted)
    tests = {
        "IsEqualTo": order == 0,
        "IsNotEqualTo": order != 0,
        "IsGreaterThan": order > 0,
        "IsGreaterThanOrEqualTo": order >= 0,
        "IsLessThan": order < 0,
        "IsLessThanOrEqualTo": order <= 0,
    }
    if name not in tests:
        raise EwsError("ErrorUnsupportedPathForQuery", f"{name} is not supported.")
    return tests[name]


def _order(have: str, wanted: str) -> int:
    left: str | int | datetime = have
    right: str | int | datetime = wanted
    if have.isdigit() and wanted.isdigit():
        left, right = int(have), int(wanted)
    elif have.endswith("Z") and "T" in have:
        try:
            left, right = datetime.fromisoformat(have), datetime.fromisoformat(wanted)
        except ValueError:
            left, right = have, wanted
    return (left > right) - (left < right)  # type: ignore[operator]
