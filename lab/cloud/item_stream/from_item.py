"""An item of the lab's old server as the properties that Exchange would keep (MS-OXCMAIL, MS-OXCICAL, MS-OXOCNTC).

The lab keeps items as MIME. Its old server gives the original along as PidTagMimeSkeleton (MS-OXCMSG 2.2.1.28), where
an Exchange keeps of a message what its properties do not say; so what was moved is the same byte for byte.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, timedelta
from email import policy
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream import recurrence as r
from lab.cloud.item_stream import tags
from lab.cloud.item_stream.entry_ids import ONE_OFF
from lab.cloud.item_stream.global_object_id import GLOBAL_OBJECT_ID, VCAL, read_global_object_id
from lab.cloud.item_stream.named_properties import ADDRESS, APPOINTMENT, MEETING, Name
from lab.cloud.item_stream.named_properties import KNOWN as NAMED
from lab.cloud.item_stream.refusal import StreamRefused
from lab.cloud.item_stream.stored import Attachment, Key, Properties, Property, StoredProperties
from lab.item_parts import EventParts, contact_parts, event_parts
from lab.mail_store import StoredItem

MIME_SKELETON = 0x64F0
READ = 0x0001
_UTC = "UTC"
_RULE = re.compile(rb"^RRULE:FREQ=WEEKLY;COUNT=(\d+)\r?$", re.MULTILINE)
_DAY = 24 * 60


def put(values: dict[Key, Any]) -> Properties:
    """Properties of the types that MS-OXPROPS gives them; (type, value) of those that it does not know."""
    properties = Properties()
    for key, value in values.items():
        known = NAMED.get(key) if isinstance(key, Name) else tags.KNOWN.get(key)
        kind, plain = (known[1], value) if known else value
        plain = t.ticks_of(plain) if isinstance(plain, datetime) else plain
        properties[key] = Property(kind, plain.replace("\0", "") if isinstance(plain, str) else plain)
    return properties


def properties_of(item: StoredItem) -> StoredProperties:
    """ValueError: an event that the lab cannot say in properties."""
    if item.mapi is not None:
        return item.mapi
    return {"event": _event, "contact": _contact}.get(item.kind, _message)(item)


def one_off(name: str, address: str) -> bytes:
    """MS-OXCDATA 2.2.5.1, in UTF-16."""
    texts = b"".join(text.replace("\0", "").encode("utf-16-le") + b"\0\0" for text in (name, "SMTP", address))
    return bytes(4) + ONE_OFF + struct.pack("<HH", 0, 0x9001) + texts


def _message(item: StoredItem) -> StoredProperties:
    parsed = BytesParser(policy=policy.compat32).parsebytes(item.mime)
    head = item.mime.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    values: dict[Key, Any] = {
        tags.MESSAGE_CLASS: "IPM.Note", 0x0017: 1, 0x0037: item.subject, 0x0070: item.subject, 0x0E06: item.received,
        0x0039: item.sent, 0x0E07: READ, 0x3007: item.received, 0x3008: item.received, 0x3FDE: 65001, 0x007D: head,
        MIME_SKELETON: (t.BINARY, item.mime),
    }  # fmt: skip
    if item.message_id:
        values[0x1035] = item.message_id
    for name, address in _people(parsed, "From")[:1]:
        for named, kind, mail, smtp, entry in (
            (0x0C1A, 0x0C1E, 0x0C1F, 0x5D01, 0x0C19),
            (0x0042, 0x0064, 0x0065, 0x5D02, 0x0041),
        ):
            values |= {named: name, kind: "SMTP", mail: address, smtp: address, entry: one_off(name, address)}
    text, html, files = _parts(parsed)
    if text is not None:
        values[0x1000] = text
    if html is not None:
        values[0x1013] = html.encode()
    people = [(kind, who) for kind, field in ((1, "To"), (2, "Cc"), (3, "Bcc")) for who in _people(parsed, field)]
    recipients = tuple(_recipient(row, kind, *who) for row, (kind, who) in enumerate(people))
    return StoredProperties(put(values), recipients, tuple(_file(number, *file) for number, file in enumerate(files)))


def _people(parsed: Message, field: str) -> list[tuple[str, str]]:
    texts = [str(value) for value in parsed.get_all(field, [])]
    return [(name or address, address) for name, address in getaddresses(texts) if address]


def _recipient(row: int, kind: int, name: str, address: str) -> Properties:
    values: dict[Key, Any] = {
        tags.ROW_ID: row, tags.RECIPIENT_TYPE: kind, 0x3001: name, 0x3002: "SMTP", 0x3003: address, 0x39FE: address,
        0x0FFF: one_off(name, address), 0x0FFE: 6, 0x3900: 0,
    }  # fmt: skip
    return put(values)


def _parts(parsed: Message) -> tuple[str | None, str | None, list[tuple[str, str, bytes]]]:
    """(text, HTML, attachments as (name, type, content)) of a message."""
    text = html = None
    files = []
    for part in parsed.walk():
        kind = part.get_content_type()
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        name = part.get_filename()
        if name is None and kind == "text/plain" and text is None:
            text = content.decode("utf-8", "replace")
        elif name is None and kind == "text/html" and html is None:
            html = content.decode("utf-8", "replace")
        else:
            files.append((str(name or "part"), kind, content))
    return text, html, files


def _file(number: int, name: str, kind: str, content: bytes) -> Attachment:
    values: dict[Key, Any] = {
        tags.ATTACH_NUMBER: number, tags.ATTACH_METHOD: 1, 0x3707: name, 0x3704: name, 0x370E: kind, 0x370B: -1,
        0x0E20: len(content), tags.ATTACH_DATA: (t.BINARY, content),
    }  # fmt: skip
    return Attachment(put(values))


def _event(item: StoredItem) -> StoredProperties:
    parts = event_parts(item.mime)
    identity = _global_object_id(parts.uid)
    minutes = int((parts.end - parts.start).total_seconds() // 60)
    values: dict[Key, Any] = {
        tags.MESSAGE_CLASS: "IPM.Appointment", 0x0037: parts.subject, 0x0E06: item.received, 0x3007: item.received,
        0x3008: item.received, 0x0E07: READ, 0x0060: parts.start, 0x0061: parts.end,
        Name(APPOINTMENT, 0x820D): parts.start, Name(APPOINTMENT, 0x820E): parts.end,
        Name(APPOINTMENT, 0x8213): minutes, Name(APPOINTMENT, 0x8205): 2, Name(APPOINTMENT, 0x8215): False,
        Name(APPOINTMENT, 0x8223): parts.recurring, Name(APPOINTMENT, 0x825E): utc_definition(2),
        Name(APPOINTMENT, 0x825F): utc_definition(2), Name(MEETING, 3): identity, Name(MEETING, 0x23): identity,
        MIME_SKELETON: (t.BINARY, item.mime),
    }  # fmt: skip
    if parts.recurring:
        values |= {
            Name(APPOINTMENT, 0x8216): _weekly(item.mime, parts, minutes), Name(APPOINTMENT, 0x8231): 2,
            Name(APPOINTMENT, 0x8233): bytes(48), Name(APPOINTMENT, 0x8260): utc_definition(3),
        }  # fmt: skip
    return StoredProperties(put(values))


def _global_object_id(uid: str) -> bytes:
    """A UID of Exchange is the id itself in hex; any other lies in one (MS-OXCICAL 2.1.3.1.1.20.26)."""
    try:
        own = bytes.fromhex(uid)
        read_global_object_id(own)
    except (ValueError, StreamRefused):
        data = VCAL + uid.replace("\0", "").encode() + b"\0"
        return GLOBAL_OBJECT_ID + bytes(20) + struct.pack("<I", len(data)) + data
    return own[:16] + bytes(4) + own[20:]


def utc_definition(flags: int) -> bytes:
    """The time zone definition of UTC; flags of its one rule."""
    name = _UTC.encode("utf-16-le")
    head = b"\2\1" + struct.pack("<HHH", 6 + len(name), 2, len(_UTC)) + name + struct.pack("<H", 1)
    return head + b"\2\1" + struct.pack("<HHH", 0x3E, flags, 1601) + bytes(14 + 12 + 32)


def _weekly(mime: bytes, parts: EventParts, minutes: int) -> bytes:
    """AppointmentRecurrencePattern of the one rule that the lab's events have."""
    rule = _RULE.search(mime)
    if rule is None:
        raise ValueError("the lab's old server says weekly series with a count only")
    count, start = int(rule[1]), parts.start.replace(tzinfo=None)
    day = r.minutes_of(start.replace(hour=0, minute=0, second=0, microsecond=0))
    sunday = (start.weekday() + 1) % 7
    last = r.minutes_of(r.moment(day) + timedelta(weeks=count - 1))
    begin = start.hour * 60 + start.minute
    pattern = struct.pack(
        "<HHHHHIIIIIIIIIII", 0x3004, 0x3004, r.WEEKLY, r.WEEK, 0, (day - sunday * _DAY) % (7 * _DAY), 1, 0, 1 << sunday,
        r.COUNT, count, 0, 0, 0, day, last,
    )  # fmt: skip
    return pattern + struct.pack("<IIIIHII", 0x3006, 0x3009, begin, begin + minutes, 0, 0, 0)


def _contact(item: StoredItem) -> StoredProperties:
    parts = contact_parts(item.mime)
    values: dict[Key, Any] = {
        tags.MESSAGE_CLASS: "IPM.Contact", 0x0037: parts.name, 0x3001: parts.name, Name(ADDRESS, 0x8005): parts.name,
        0x3007: item.received, 0x3008: item.received, 0x0E06: item.received, 0x0E07: READ,
    }  # fmt: skip
    if parts.email:
        values |= {
            Name(ADDRESS, 0x8080): parts.name, Name(ADDRESS, 0x8082): "SMTP", Name(ADDRESS, 0x8083): parts.email,
            Name(ADDRESS, 0x8084): parts.email, Name(ADDRESS, 0x8085): one_off(parts.name, parts.email),
            Name(ADDRESS, 0x8028): (0,), Name(ADDRESS, 0x8029): 1,
        }  # fmt: skip
    return StoredProperties(put(values))
