"""Questions to the lab's EWS without a socket: an old server of any version with the items that a test gives it."""

from __future__ import annotations

from typing import Any

from lxml import etree

from lab.cloud.item_stream.stored import StoredProperties
from lab.exchange.ews import items as operations
from lab.exchange.ews.session import Session
from lab.exchange.ews.view import item_id
from lab.exchange.ews.xml import MESSAGES, SOAP, TYPES, envelope
from lab.exchange.state import ExchangeState
from lab.mail_store import Mailbox, MailStore, StoredItem
from lab.mailbox_content.draft import GROUP
from lab.mailbox_content.generator import file_item, fill

ANNA, ADMIN = "anna@contoso.com", "admin@contoso.com"
VERSIONS = {2007: "8.3.83.6", 2010: "14.3.123.4", 2013: "15.0.847.32", 2016: "15.1.2507.6"}
T = f"{{{TYPES}}}"


class Server:
    """year: which Exchange. `items` are what it holds, in the order in which they were filed."""

    def __init__(self, year: int = 2007, *, seed: int = 0, count: int = 0) -> None:
        names = ("anna", "lukasz", "jose", "olga")
        boxes = [
            Mailbox(f"{name}@contoso.com", name.title(), legacy_exchange_dn=GROUP + name) for name in (*names, "admin")
        ]
        self.store = MailStore(boxes)
        self.state = ExchangeState(
            store=self.store, accounts={}, admin=ADMIN, domains=("contoso.com",), version=VERSIONS[year]
        )
        self.items: list[StoredItem] = fill(self.store, ANNA, seed=seed, count=count) if count else []

    def file(self, message: StoredProperties, folder: str = "Inbox") -> StoredItem:
        self.items.append(file_item(self.store, ANNA, folder, message))
        return self.items[-1]

    def ask(self, operation: str, body: str) -> Any:
        """The answer's tree. EwsError: the server answers with a fault."""
        request = etree.fromstring(f'<m:{operation} xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">{body}</m:{operation}>')
        named = {"GetItem": "get_item", "GetAttachment": "get_attachment", "FindItem": "find_item"}
        named |= {"ExportItems": "export_items"}
        session = Session(self.state, self.state.faults, ADMIN, ADMIN)
        return etree.fromstring(envelope("", getattr(operations, named[operation])(session, request))).find(
            f"{{{SOAP}}}Body"
        )

    def get(self, *references: str, **shape: Any) -> list[Any]:
        """Items of GetItem in their order; None for one that was answered with an error."""
        ids = "".join(references)
        answer = self.ask("GetItem", f"<m:ItemShape>{shape_xml(**shape)}</m:ItemShape><m:ItemIds>{ids}</m:ItemIds>")
        found = [message.find("{*}Items") for message in answer.iter("{*}GetItemResponseMessage")]
        return [None if items is None else items[0] for items in found]

    def whole(self, item: StoredItem, **shape: Any) -> Any:
        return self.get(reference(item), **({"base": "AllProperties"} | shape))[0]

    def attached(self, identifier: str, extended: str = "") -> Any:
        more = f"<t:AdditionalProperties>{extended}</t:AdditionalProperties>" if extended else ""
        answer = self.ask(
            "GetAttachment",
            f"<m:AttachmentShape>{more}</m:AttachmentShape><m:AttachmentIds><t:AttachmentId Id='{identifier}'/>"
            "</m:AttachmentIds>",
        )
        return next(answer.iter("{*}Attachments"))[0]


def shape_xml(base: str = "IdOnly", fields: str = "", extended: str = "", body: str = "", mime: bool = False) -> str:
    """The content of an ItemShape; fields: URIs with spaces between."""
    more = "".join(f'<t:FieldURI FieldURI="{uri}"/>' for uri in fields.split()) + extended
    return (
        f"<t:BaseShape>{base}</t:BaseShape><t:IncludeMimeContent>{str(mime).lower()}</t:IncludeMimeContent>"
        + (f"<t:BodyType>{body}</t:BodyType>" if body else "")
        + (f"<t:AdditionalProperties>{more}</t:AdditionalProperties>" if more else "")
    )


def reference(item: StoredItem, day: str = "") -> str:
    return f'<t:ItemId Id="{item_id(ANNA, item.id, day)}"/>'


def tag(number: int, kind: str) -> str:
    return f'<t:ExtendedFieldURI PropertyTag="0x{number:04X}" PropertyType="{kind}"/>'


def lid(place: str, number: int, kind: str) -> str:
    """place: the name of a distinguished set, or a GUID."""
    name = "PropertySetId" if "-" in place else "DistinguishedPropertySetId"
    return f'<t:ExtendedFieldURI {name}="{place}" PropertyId="{number}" PropertyType="{kind}"/>'


def named(place: str, name: str, kind: str) -> str:
    attribute = "PropertySetId" if "-" in place else "DistinguishedPropertySetId"
    return f'<t:ExtendedFieldURI {attribute}="{place}" PropertyName="{name}" PropertyType="{kind}"/>'


def values(element: Any) -> list[list[str]]:
    """The values of each ExtendedProperty."""
    return [
        [value.text or "" for value in extended.iter(f"{T}Value")]
        for extended in element.findall(f"{T}ExtendedProperty")
    ]


def text(element: Any, path: str) -> str | None:
    """The text at a path without prefixes."""
    found: str | None = element.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))
    return found
