"""Requests to EWS as XML: written by lxml, so that no address, id or subject is taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]  # lxml-stubs lacks it

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMES = {"s": SOAP, "m": MESSAGES, "t": TYPES}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot say."""

Element = Any
"""An element of lxml, which publishes no types for what is made by `ElementMaker`."""

s = ElementMaker(namespace=SOAP, nsmap=_NAMES)
m = ElementMaker(namespace=MESSAGES, nsmap=_NAMES)
t = ElementMaker(namespace=TYPES, nsmap=_NAMES)


def sayable(text: str) -> str:
    """The text with U+FFFD for every character that XML 1.0 does not have."""
    return _FORBIDDEN.sub("\ufffd", text)


def envelope(version: str, operation: Element) -> bytes:
    """The whole request. version: the schema that it is written in, 'Exchange2007_SP1'."""
    whole = s.Envelope(s.Header(t.RequestServerVersion(Version=version)), s.Body(operation))
    return bytes(etree.tostring(whole, xml_declaration=True, encoding="utf-8"))


def distinguished(name: str, mailbox: str) -> Element:
    """A well-known folder ('inbox') of a mailbox."""
    return t.DistinguishedFolderId(t.Mailbox(t.EmailAddress(sayable(mailbox))), Id=name)


def folder_id(identity: str) -> Element:
    return t.FolderId(Id=sayable(identity))


def item_ids(identities: Iterable[str]) -> Element:
    return m.ItemIds(*(t.ItemId(Id=sayable(identity)) for identity in identities))


def field(uri: str) -> Element:
    """A property: 'item:Subject'."""
    return t.FieldURI(FieldURI=uri)


def indexed(uri: str, index: str) -> Element:
    """A property of a dictionary: 'contacts:EmailAddress', 'EmailAddress1'."""
    return t.IndexedFieldURI(FieldURI=uri, FieldIndex=index)


def id_and(*properties: Element) -> list[Element]:
    """What a shape holds: the id, and these properties."""
    return [t.BaseShape("IdOnly"), *([t.AdditionalProperties(*properties)] if properties else [])]


def page_of(kind: str, size: int, offset: int) -> Element:
    """kind: 'IndexedPageItemView' or 'IndexedPageFolderView'."""
    return m(kind, MaxEntriesReturned=str(size), Offset=str(offset), BasePoint="Beginning")


def oldest_first() -> Element:
    """So that mail arriving meanwhile joins at the end and shifts no page."""
    return m.SortOrder(t.FieldOrder(field("item:DateTimeReceived"), Order="Ascending"))


def constant(value: str) -> Element:
    """The right side of a comparison in a Restriction."""
    return t.FieldURIOrConstant(t.Constant(Value=sayable(value)))
