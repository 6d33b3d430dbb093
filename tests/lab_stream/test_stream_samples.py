"""Streams of real servers, as Microsoft publishes them, through the lab's reader."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
import stream_items as items
import stream_samples as samples

from lab.cloud.item_stream import tags
from lab.cloud.item_stream.checks import read_blobs
from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.entry_ids import BookEntry
from lab.cloud.item_stream.property_types import read_value, time_of
from lab.cloud.item_stream.reader import read_content, read_stream
from lab.cloud.item_stream.refusal import Fault, StreamRefused
from lab.cloud.item_stream.stored import StoredProperties

NOTE = struct.pack("<HHI", 0x84B0, 0x001A, 18) + "IPM.Note\0".encode("utf-16-le")
PREFIX = "/O=FIRST ORGANIZATION/OU=EXCHANGE ADMINISTRATIVE GROUP (FYDIBOHF23SPDLT)/CN=RECIPIENTS/CN="


def longest(content: bytes, tail: bytes = b"") -> tuple[StoredProperties, int]:
    """The most of a shortened content that is whole, with a tail that ends it; and how many bytes of it were left."""
    for length in range(len(content), 0, -1):
        try:
            return read_content(content[:length] + tail), len(content) - length
        except StreamRefused:
            continue
    raise AssertionError("nothing of it was read")


@pytest.mark.parametrize(
    ("sample", "build", "length", "left", "keys"),
    [
        (samples.UPLOAD_1, 164, 0x2371, 3, [0x17, 0x1A, 0x23, 0x26, 0x29, 0x2E, 0x36]),
        (samples.UPLOAD_2, 164, 0x2036, 31, [0x17, 0x1A, 0x23, 0x29, 0x36, 0x37, 0x39]),
        (samples.EXPORT_3, 139, 0x2012, 68, [0x17, 0x1A, 0x23, 0x29, 0x36, 0x37, 0x39, 0x3B, 0x3D]),
    ],
)
def test_the_beginning_of_a_stream(sample: bytes, build: int, length: int, left: int, keys: list[int]) -> None:
    with pytest.raises(StreamRefused) as caught:
        read_stream(sample)
    assert caught.value.fault is Fault.CUT_SHORT, "the page says that it is shortened"
    assert caught.value.wanted == f"{length} bytes of TransferBuffer"
    message, over = longest(items.content_of(sample))
    assert over == left and list(message.properties) == keys
    assert message.dn_prefix == PREFIX and message.message_class == "IPM.Note"
    stream = sample[:66] + struct.pack("<I", len(sample) - 70 - over) + sample[70 : len(sample) - over]
    assert read_stream(stream).version == (14, 1, build, 0)


def test_what_the_properties_are() -> None:
    message, _ = longest(items.content_of(samples.EXPORT_3))
    assert message.properties.text(0x37) == "Interesting - from EWSMA"
    assert message.properties.moment(0x39) == datetime(2010, 3, 31, 21, 14, 4, tzinfo=UTC)
    assert str(message.properties.value(0x3B), "ascii") == f"EX:{PREFIX}USERONE\0"
    assert message.properties.text(0x3D) == ""


def test_exchange_online_writes_the_same_envelope() -> None:
    with pytest.raises(StreamRefused) as caught:
        read_stream(samples.GRAPH_IMPORT)
    assert caught.value.wanted == "31680 bytes of TransferBuffer"
    head = samples.GRAPH_IMPORT[:62]
    message = read_stream(head + struct.pack("<II", 2, len(NOTE)) + NOTE)
    assert message.version == (15, 20, 4566, 6022)


def test_from_within_a_recipient_to_within_an_attached_message() -> None:
    """After the flags of IsInterfaceOk, lines are left out: what follows is of the stream."""
    start = NOTE + struct.pack("<IIiIi", tags.START_RECIPIENT, 0x30000003, 0, 0x0C150003, 1)
    ends = struct.pack("<II", tags.END_EMBED, tags.END_ATTACH)
    message, over = longest(start + samples.EXPORT_2[48:], ends)
    assert over == len(samples.EXPORT_2) - samples.EXPORT_2.index(bytes.fromhex("B0844200"))
    [recipient], [attachment] = message.recipients, message.attachments
    assert recipient.moment(0x32) == datetime(2010, 4, 3, 17, 14, 50, tzinfo=UTC)
    assert attachment.properties.text(0x3712) == "2ab16166-ae5d-42ef-a559-c89087d23d84"
    assert (
        attachment.properties.value(tags.ATTACH_METHOD) == 5 and attachment.properties.text(0x370E) == "message/rfc822"
    )
    assert attachment.properties.value(0x0E20) == 1124 and attachment.properties.value(0x0FF9) == bytes(4)
    inner = attachment.message
    assert inner is not None and next(iter(inner.properties)) == tags.MID
    assert inner.properties.text(0x37) == "Most fascinating"
    assert read_blobs(inner.properties)[0x41] == BookEntry(0, f"{PREFIX}USERONE")


def test_the_end_of_an_attached_message() -> None:
    tail = samples.EXPORT_1[samples.EXPORT_1.index(bytes.fromhex("B084FE39")) :]
    attach = struct.pack("<IIiIiI", tags.NEW_ATTACH, 0x0E210003, 0, 0x37050003, 5, tags.START_EMBED)
    start = NOTE + attach + NOTE + struct.pack("<IIiIi", tags.START_RECIPIENT, 0x30000003, 0, 0x0C150003, 1)
    inner = read_content(start + tail).attachments[0].message
    assert inner is not None
    assert inner.recipients[0].text(0x39FE) == "User2@aujing-dom.extest.microsoft.com"
    assert inner.recipients[0].value(0x0FFE) == 6


def test_the_blog_of_the_open_specifications() -> None:
    """A change of a folder: no message, and so refused; its lexemes are those that the article lists."""
    with pytest.raises(StreamRefused) as caught:
        read_content(samples.BLOG)
    assert (caught.value.fault, caught.value.offset) == (Fault.MISSING, 0)
    cursor, values = Cursor(samples.BLOG), {}
    assert cursor.u32("a marker") == 0x40120003
    while cursor.left:
        kind, number = cursor.u16("type"), cursor.u16("id")
        values[number] = read_value(cursor, kind, hex(number))
    assert values[0x65E1] == b"" and len(values[0x65E3]) == 23
    assert values[0x3001] == "INBOX" and values[0x10F4] is False
    assert str(time_of(values[0x3008]))[:19] == "2015-05-03 09:15:12"
