"""What GetItem and GetAttachment show: an item, an occurrence of a series, or a message inside an attachment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.from_item import MIME_SKELETON, properties_of, put
from lab.cloud.item_stream.stored import Properties, StoredProperties
from lab.cloud.item_stream.to_item import filed
from lab.exchange.ews.people import BCC, CC, TO, Resolve, shown_names
from lab.exchange.ews.schema import element_of
from lab.exchange.ews.series import Instance, Series, shown_attachments
from lab.exchange.ews.session import Session
from lab.exchange.ews.xml import Element, EwsError, local, make_id, read_id
from lab.mail_store import Mailbox, StoredItem


@dataclass(frozen=True)
class View:
    """owner: address, item, day of an occurrence ("" of none). inside: numbers of attachments that lead to it."""

    message: StoredProperties
    owner: tuple[str, str, str]
    major: int
    resolve: Resolve
    folder: str = ""  # identifier
    mime: bytes = b""
    received: datetime | None = None
    size: int = 0
    inside: tuple[int, ...] = ()
    instance: Instance | None = None

    @property
    def element(self) -> str:
        return "CalendarItem" if self.instance else element_of(self.message.message_class)

    @property
    def identifier(self) -> str:
        """Of its ItemId; what is attached has none."""
        return item_id(*self.owner) if not self.inside else ""

    def attachment_id(self, number: int) -> str:
        path = ".".join(map(str, (*self.inside, number)))
        return make_id("attachment", *self.owner, path)

    def attached(self, number: int) -> View:
        """The message in an attachment. EwsError: there is none."""
        inner = self.message.attachments[number].message
        if inner is None:
            raise EwsError("ErrorAttachmentNotFound", "The attachment is not an item.")
        read = filed(inner)
        return replace(
            self, message=inner, mime=read.mime, received=read.received, size=len(read.mime), folder="", instance=None,
            inside=(*self.inside, number),
        )  # fmt: skip

    def properties(self) -> Properties:
        """All that an extended property can show: what is stored, and what the server computes of it."""
        files = shown_attachments(self.message)
        computed = put({
            0x0E08: (t.INT32, self.size), 0x0E1B: (t.BOOLEAN, bool(files)), 0x0FFE: 5,
            0x0E04: (t.STRING, shown_names(self.message, TO)), 0x0E03: (t.STRING, shown_names(self.message, CC)),
            0x0E02: (t.STRING, shown_names(self.message, BCC)), 0x0FFF: (t.BINARY, self.identifier.encode()),
        })  # fmt: skip
        stored = {key: kept for key, kept in self.message.properties.items() if key != MIME_SKELETON}
        return Properties({**computed, **_spelled_flags(self.message, bool(files)), **stored})


def _spelled_flags(message: StoredProperties, has_files: bool) -> Properties:
    """PidTagMessageFlags where nothing is stored: read, as what is no mail is."""
    return put({} if 0x0E07 in message.properties else {0x0E07: 1 | (0x10 if has_files else 0)})


def item_id(address: str, item: str, day: str = "") -> str:
    return make_id("item", address, item, *([day] if day else []))


def resolver(session: Session) -> Resolve:
    """Of the legacy DNs of the server's own mailboxes."""

    def resolve(dn: str) -> str:
        with session.state.store.lock:
            for box in session.state.store.mailboxes.values():
                if box.legacy_exchange_dn and box.legacy_exchange_dn.lower() == dn.lower():
                    return box.address
        return ""

    return resolve


def view_of(session: Session, box: Mailbox, item: StoredItem, day: str = "") -> View:
    """EwsError: an item that the lab cannot say in properties, or no occurrence on that day."""
    try:
        message = properties_of(item)
    except ValueError as error:
        raise EwsError("ErrorItemCorrupt", str(error)) from None
    view = View(
        message, (box.address, item.id, ""), session.state.major, resolver(session),
        make_id("folder", box.address, item.folder), item.mime, item.received, item.size,
    )  # fmt: skip
    return occurrence_of(view, series_of(view).on(datetime.fromisoformat(day))) if day else view


def series_of(view: View) -> Series:
    try:
        return Series(view.message)
    except (ValueError, TypeError) as error:
        raise EwsError("ErrorCalendarIsNotARecurringMaster", str(error)) from None


def occurrence_of(view: View, instance: Instance) -> View:
    message = series_of(view).message(instance)
    day = f"{instance.day:%Y-%m-%d}"
    return replace(view, message=message, owner=(*view.owner[:2], day), instance=instance, mime=filed(message).mime)


def find(session: Session, reference: Element) -> tuple[Mailbox, StoredItem, str]:
    """The mailbox, the item and the day of its occurrence ("" the item itself) that an id of any of the three kinds
    names (types.xsd: ItemId, OccurrenceItemId, RecurringMasterItemId)."""
    name = local(reference)
    attribute = {"OccurrenceItemId": "RecurringMasterId", "RecurringMasterItemId": "OccurrenceId"}.get(name, "Id")
    kind, owner, number, day = (*read_id(reference.get(attribute, "")), "", "", "")[:4]
    if kind != "item":
        raise EwsError("ErrorInvalidIdMalformed", "Id is malformed.")
    box = session.mailbox(owner)
    item = box.items.get(number)
    if item is None:
        raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")
    if name == "OccurrenceItemId":
        index = int(reference.get("InstanceIndex", "0"))
        day = f"{series_of(view_of(session, box, item)).number(index).day:%Y-%m-%d}"
    elif name == "RecurringMasterItemId":
        if not day:
            raise EwsError("ErrorCalendarIsNotAnOccurrence", "The id is not of an occurrence.")
        day = ""
    return box, item, day
