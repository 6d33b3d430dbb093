"""What EWS's GetItem and GetAttachment give of an item, as typed values: the form in which a client hands it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from mailmove.items.stream.properties import Property

Response: TypeAlias = Literal["Unknown", "Organizer", "Tentative", "Accept", "Decline", "NoResponseReceived"]


@dataclass(frozen=True)
class EwsAddress:
    """address: "": EWS knows none, as of a private distribution list."""

    name: str
    address: str = ""
    routing: str = "SMTP"


@dataclass(frozen=True)
class EwsAttendee:
    mailbox: EwsAddress
    response: Response = "Unknown"
    at: datetime | None = None


@dataclass(frozen=True)
class EwsFile:
    """A FileAttachment, with its content. photo: of a contact (IsContactPhoto, or ContactPicture.jpg of 2007)."""

    name: str
    content: bytes
    content_type: str = ""
    content_id: str = ""
    content_location: str = ""
    inline: bool = False
    photo: bool = False


@dataclass(frozen=True)
class EwsOccurrence:
    """A changed occurrence: GetItem of one of a series' ModifiedOccurrences. original_start: in UTC."""

    original_start: datetime
    start: datetime
    end: datetime
    item: EwsItem


@dataclass(frozen=True)
class EwsInner:
    """An ItemAttachment, with its item."""

    name: str
    item: EwsItem


@dataclass(frozen=True)
class EwsItem:
    """values: the text of each ExtendedProperty that the item has, as asked for by `ews_fields.extended_field`.

    author, sender: From and Sender, of a message. organizer, attendees: of an event, or a message about a meeting.
    mime: MimeContent, decoded; needed of signed and encrypted mail only.
    """

    item_class: str
    values: Mapping[Property, str | Sequence[str]]
    author: EwsAddress | None = None
    sender: EwsAddress | None = None
    to: tuple[EwsAddress, ...] = ()
    cc: tuple[EwsAddress, ...] = ()
    bcc: tuple[EwsAddress, ...] = ()
    organizer: EwsAddress | None = None
    required: tuple[EwsAttendee, ...] = ()
    optional: tuple[EwsAttendee, ...] = ()
    resources: tuple[EwsAttendee, ...] = ()
    attachments: tuple[EwsFile | EwsInner, ...] = ()
    occurrences: tuple[EwsOccurrence, ...] = field(default=())
    mime: bytes | None = None
