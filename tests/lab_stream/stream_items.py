"""A message with everything in it, for tests of the reader; and tools to spoil a stream."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import stream_samples as samples

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.from_item import one_off, put
from lab.cloud.item_stream.named_properties import (
    ADDRESS,
    APPOINTMENT,
    COMMON,
    INTERNET_HEADERS,
    MEETING,
    PUBLIC_STRINGS,
    Name,
)
from lab.cloud.item_stream.stored import Attachment, Key, Properties, StoredProperties

MONDAY = datetime(2007, 3, 26, 17, tzinfo=UTC)


def a_recipient(row: int, name: str, kind: int = 1) -> Properties:
    address = f"{name.lower()}@contoso.com"
    who: dict[Key, Any] = {0x3001: name, 0x3002: "SMTP", 0x3003: address, 0x0FFF: one_off(name, address), 0x0FFE: 6}
    return put({0x3000: row, 0x0C15: kind} | who)


def a_file(number: int, name: str, content: bytes) -> Attachment:
    data: dict[Key, Any] = {0x0E21: number, 0x3705: 1, 0x3707: name, 0x370B: -1, 0x3701: (t.BINARY, content)}
    return Attachment(put(data))


def a_message(**more: Any) -> StoredProperties:
    properties = put(
        {
            0x001A: "IPM.Note", 0x0017: 2, 0x0037: "Grüße – 会议", 0x0E06: MONDAY, 0x0039: MONDAY, 0x0E07: 1,
            0x0029: False, 0x1000: "Hello\r\n", 0x1013: b"<p>Hello</p>", 0x1009: samples.RTF_HELLO,
            0x1035: "<a@contoso.com>", Name(PUBLIC_STRINGS, "Keywords"): ("Red", "Grün"), Name(COMMON, 0x8506): True,
            Name(INTERNET_HEADERS, "x-mailer"): (t.STRING, "A mailer"), Name(COMMON, 0x9999): (t.GUID, UUID(int=7)),
            Name(ADDRESS, 0x9998): (t.MULTIPLE | t.INT32, (1, -2)), Name(COMMON, 0x9993): (t.INT16, -3),
            Name(COMMON, 0x9997): (t.MULTIPLE | t.BINARY, (b"a", b"")), Name(COMMON, 0x9996): (t.FLOAT64, 0.5),
            Name(COMMON, 0x9995): (t.INT64, 1 << 40), Name(COMMON, 0x9994): (t.CURRENCY, 12345),
        }
    )  # fmt: skip
    inside = put({0x001A: "IPM.Note", 0x0037: "Inside"})
    inner = StoredProperties(inside, (a_recipient(0, "Carol"),), (a_file(0, "b", b"b"),))
    embedded = Attachment(put({0x0E21: 1, 0x3705: 5, 0x3001: "Inside"}), inner)
    fields: dict[str, Any] = {
        "properties": properties,
        "recipients": (a_recipient(0, "Alice"), a_recipient(1, "Bob", 2)),
        "attachments": (a_file(0, "a.bin", bytes(range(256)) * 4), embedded),
    }
    return StoredProperties(**fields | more)


def a_series() -> StoredProperties:
    rule = samples.PACIFIC[-44:]
    zone = rule[:12] + b"\0\0" + rule[12:28] + b"\0\0" + rule[28:]
    clean = samples.GLOBAL_OBJECT_ID[:16] + bytes(4) + samples.GLOBAL_OBJECT_ID[20:]
    return StoredProperties(
        put(
            {
                0x001A: "IPM.Appointment", 0x0037: "Simple Recurrence", Name(APPOINTMENT, 0x820D): MONDAY,
                Name(APPOINTMENT, 0x820E): MONDAY.replace(minute=30), Name(APPOINTMENT, 0x8223): True,
                Name(APPOINTMENT, 0x8216): samples.WEEKLY_CHANGED, Name(APPOINTMENT, 0x8233): zone,
                Name(APPOINTMENT, 0x8260): samples.PACIFIC, Name(MEETING, 3): clean, Name(MEETING, 0x23): clean,
            }
        )
    )  # fmt: skip


def envelope(content: bytes, *cuts: int) -> bytes:
    """A content in its envelope; cuts: where one buffer ends and another begins."""
    head = samples.UPLOAD_1[:62]
    edges = [0, *cuts, len(content)]
    pieces = [content[start:end] for start, end in pairwise(edges)]
    return head + b"".join(struct.pack("<II", 2, len(piece)) + piece for piece in pieces)


def content_of(stream: bytes) -> bytes:
    """The FastTransfer stream inside a stream of one buffer."""
    return stream[70:]
