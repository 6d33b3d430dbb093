"""What EWS gave of an item, as the item that is written.

EWS cannot be asked for properties of recipients and attachments: those are made from what it shows of them. Not shown
by EWS, and so lost: where in a text with RTF an attachment stands, OLE objects, and what recipients of a report have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from mailmove.items.stream.addresses import entry_id, search_key
from mailmove.items.stream.best_body import without_made_bodies
from mailmove.items.stream.ews_item import EwsAddress, EwsAttendee, EwsFile, EwsInner, EwsItem, EwsOccurrence
from mailmove.items.stream.ews_values import value_of
from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.item import StreamAttachment, StreamItem, StreamRecipient, by_value, embedded_item
from mailmove.items.stream.known.any_item import ANY_ITEM
from mailmove.items.stream.known.calendar import EVENT
from mailmove.items.stream.known.parts import ATTACHMENT, RECIPIENT
from mailmove.items.stream.properties import Property
from mailmove.items.stream.smime import is_protected, protected_content
from mailmove.items.stream.values import Value
from mailmove.items.stream.zone_times import local_time

_ITEM = {known.title: known for known in (*ANY_ITEM, *EVENT)}
_PART = {known.title.removeprefix("PidTag"): known for known in (*ATTACHMENT, *RECIPIENT)}
_CLASS, _FLAGS = _ITEM["PidTagMessageClass"], _ITEM["PidTagMessageFlags"]
_ZONE, _REPLACES = _ITEM["PidLidTimeZoneStruct"], _ITEM["PidLidExceptionReplaceTime"]
_AUTHOR, _SENDER = _ITEM["PidTagSentRepresentingSmtpAddress"], _ITEM["PidTagSenderSmtpAddress"]
_OF_SERIES = {_ITEM[f"PidLid{title}"] for title in ("AppointmentRecur", "ClipStart", "ClipEnd")}
"""What EWS shows of an occurrence, too, and what only its series may have (MS-OXOCAL 2.2.1.44)."""

TO, CC, BCC = 1, 2, 3
"""PidTagRecipientType; of an appointment: required, optional, resource (MS-OXOCAL 2.2.4.10.7)."""
_SENDABLE, _ORGANIZER = 1, 2
"""PidTagRecipientFlags (MS-OXOCAL 2.2.4.10.1)."""
_TRACKED = {"Unknown": 0, "Organizer": 1, "Tentative": 2, "Accept": 3, "Decline": 4, "NoResponseReceived": 5}
"""PidTagRecipientTrackStatus (MS-OXOCAL 2.2.4.10.2)."""
_MAIL_USER = 6
_SUBMITTED = 0x4
"""mfSubmitted: the old server has it in its queue; the new one will not send it."""
_IN_BODY, _EXCEPTION = 0x4, 0x2
"""PidTagAttachFlags attRenderedInBody; PidTagAttachmentFlags afException (MS-OXOCAL 2.2.10.1.2)."""
EXCEPTION_CLASS = "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}"


def item_of(given: EwsItem) -> StreamItem:
    """ItemUnwritable: a text that is no value of its type, signed mail without its MIME, a series without a zone."""
    properties = {owner: value_of(owner, text) for owner, text in given.values.items()}
    properties.setdefault(_CLASS, given.item_class)
    flags = properties.get(_FLAGS)
    if isinstance(flags, int):
        properties[_FLAGS] = flags & ~_SUBMITTED
    for owner, mailbox in ((_AUTHOR, given.author), (_SENDER, given.sender)):
        if mailbox is not None and mailbox.address and mailbox.routing.upper() == "SMTP":
            properties.setdefault(owner, mailbox.address)
    properties = without_made_bodies(properties)
    recipients = tuple(StreamRecipient(recipient) for recipient in _recipients(given))
    return StreamItem(properties, recipients, tuple(_attachments(given, properties)))


def _recipients(given: EwsItem) -> Iterator[dict[Property, Value]]:
    order = 0
    attendees = [*given.required, *given.optional, *given.resources]
    addresses = {attendee.mailbox.address.lower() for attendee in attendees}
    if attendees and given.organizer is not None and given.organizer.address.lower() not in addresses:
        yield _attendee(EwsAttendee(given.organizer, "Organizer"), TO, order)
        order += 1
    groups: list[tuple[int, Sequence[EwsAttendee]]] = [
        (TO, given.required), (CC, given.optional), (BCC, given.resources),
    ]  # fmt: skip
    if not attendees:
        plain = ((TO, given.to), (CC, given.cc), (BCC, given.bcc))
        groups = [(kind, [EwsAttendee(address) for address in listed]) for kind, listed in plain]
    for kind, listed in groups:
        for attendee in listed:
            yield _attendee(attendee, kind, order)
            order += 1


def _attendee(attendee: EwsAttendee, kind: int, order: int) -> dict[Property, Value]:
    if attendee.response not in _TRACKED:
        raise unwritable("an attendee's answer", "one that EWS's schema does not have", "AnswerUnfit")
    organizes = attendee.response == "Organizer"
    properties = {
        _PART["RecipientType"]: kind,
        _PART["RecipientOrder"]: order,
        _PART["RecipientFlags"]: _SENDABLE | (_ORGANIZER if organizes else 0),
        _PART["RecipientTrackStatus"]: 0 if organizes else _TRACKED[attendee.response],
        **_addressed(attendee.mailbox),
    }
    if attendee.at is not None:
        properties[_PART["RecipientTrackStatusTime"]] = attendee.at
    return properties


def _addressed(mailbox: EwsAddress) -> dict[Property, Value]:
    name = mailbox.name or mailbox.address
    shown: dict[Property, Value] = {_PART["DisplayName"]: name, _PART["RecipientDisplayName"]: name}
    if not mailbox.address:
        return shown
    identity = entry_id(name, mailbox.routing, mailbox.address)
    known: dict[Property, Value] = {
        _PART["AddressType"]: mailbox.routing,
        _PART["EmailAddress"]: mailbox.address,
        _PART["EntryId"]: identity,
        _PART["RecipientEntryId"]: identity,
        _PART["SearchKey"]: search_key(mailbox.routing, mailbox.address),
        _PART["ObjectType"]: _MAIL_USER,
        _PART["DisplayType"]: 0,
        _PART["SendRichInfo"]: False,
    }
    if mailbox.routing.upper() == "SMTP":
        known[_PART["SmtpAddress"]] = mailbox.address
    return shown | known


def _attachments(given: EwsItem, properties: dict[Property, Value]) -> Iterator[StreamAttachment]:
    if is_protected(given.item_class):
        if given.mime is None:
            raise unwritable("the MIME of signed or encrypted mail", "none", "NotProtected")
        yield protected_content(given.mime)
        return
    for attachment in given.attachments:
        if isinstance(attachment, EwsInner):
            yield embedded_item(attachment.name, item_of(attachment.item))
        else:
            yield _file(attachment)
    for occurrence in given.occurrences:
        yield _exception(occurrence, properties.get(_ZONE))


def _file(given: EwsFile) -> StreamAttachment:
    texts = {
        "AttachMimeTag": given.content_type,
        "AttachContentId": given.content_id,
        "AttachContentLocation": given.content_location,
    }
    more: dict[Property, Value] = {_PART[title]: text for title, text in texts.items() if text}
    if given.inline:
        more |= {_PART["AttachFlags"]: _IN_BODY, _PART["AttachmentHidden"]: True}
    if given.photo:
        more[_PART["AttachmentContactPhoto"]] = True
    return by_value(given.name, given.content, more=more)


def _exception(given: EwsOccurrence, zone: Value | None) -> StreamAttachment:
    """Exception Attachment object (MS-OXOCAL 2.2.10.1). Its own start and end are local, written as if in UTC."""
    if not isinstance(zone, bytes):
        raise unwritable("the time zone of a series with changed occurrences", "none", "ZoneUnfit")
    start, end = (local_time(moment, zone).replace(tzinfo=UTC) for moment in (given.start, given.end))
    inner = item_of(given.item)
    own: dict[Property, Value] = {_CLASS: EXCEPTION_CLASS, _REPLACES: _utc(given.original_start)}
    kept = {owner: value for owner, value in inner.properties.items() if owner not in _OF_SERIES}
    item = StreamItem({**kept, **own}, inner.recipients, inner.attachments)
    more: dict[Property, Value] = {
        _PART["AttachmentHidden"]: True,
        _PART["AttachmentFlags"]: _EXCEPTION,
        _PART["AttachmentLinkId"]: 0,
        _PART["AttachFlags"]: 0,
        _PART["AttachEncoding"]: b"",
        _PART["ExceptionStartTime"]: start,
        _PART["ExceptionEndTime"]: end,
        _PART["ExceptionReplaceTime"]: _utc(given.original_start),
        _PART["DisplayName"]: "Untitled",
    }
    return embedded_item("", item, more=more)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
