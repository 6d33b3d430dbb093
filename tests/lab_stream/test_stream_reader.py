"""The lab's reader of item streams: what it reads, and what it refuses, where and why."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import stream_items as items

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream import tags
from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.named_properties import COMMON, PS_MAPI, Name
from lab.cloud.item_stream.reader import read_content, read_stream
from lab.cloud.item_stream.refusal import Fault, StreamRefused
from lab.cloud.item_stream.stored import Attachment, Properties, StoredProperties
from lab.cloud.item_stream.writer import write_stream

MESSAGE = items.a_message()
STREAM = write_stream(MESSAGE)
CONTENT = items.content_of(STREAM)
CLASS = struct.pack("<HHI", 0x84B0, 0x001A, 18) + "IPM.Note\0".encode("utf-16-le")


def marker(tag: int) -> bytes:
    return struct.pack("<I", tag)


def number(tag: int, value: int = 0) -> bytes:
    return struct.pack("<Ii", tag, value)


METHOD, TO = 0x37050003, 0x0C150003
RECIPIENT = marker(tags.START_RECIPIENT) + number(0x30000003) + number(TO, 1) + marker(tags.END_RECIPIENT)
DATA = struct.pack("<II", 0x37010102, 1) + b"x"
FILE = marker(tags.NEW_ATTACH) + number(0x0E210003) + number(METHOD, 1) + DATA + marker(tags.END_ATTACH)
RECIPIENTS = struct.pack("<II", tags.DEL_PROP, tags.RECIPIENTS)
FILES = struct.pack("<II", tags.DEL_PROP, tags.ATTACHMENTS)


def refused(content: bytes, fault: Fault, offset: int | None = None) -> StreamRefused:
    with pytest.raises(StreamRefused) as caught:
        read_content(content)
    assert caught.value.fault is fault, caught.value
    assert offset is None or caught.value.offset == offset, caught.value
    return caught.value


@pytest.mark.parametrize("message", [MESSAGE, items.a_series(), replace(MESSAGE, dn_prefix="/o=First/cn=")])
@pytest.mark.parametrize("buffer", [0x7BC0, 600, 350])
def test_everything_is_read_as_it_was_written(message: StoredProperties, buffer: int) -> None:
    kept = read_stream(write_stream(message, buffer=buffer))
    assert {key: kept.properties.value(key) for key in message.properties} == {
        key: value.value for key, value in message.properties.items()
    }
    assert [row.value(0x3001) for row in kept.recipients] == [row.value(0x3001) for row in message.recipients]
    assert [len(part.properties) for part in kept.attachments] == [len(part.properties) for part in message.attachments]
    assert kept.dn_prefix == message.dn_prefix and kept.version == (14, 3, 123, 0)
    check_item(kept)


def test_an_embedded_message_is_read_whole() -> None:
    inner = read_stream(STREAM).attachments[1].message
    assert inner is not None and inner.properties.text(0x0037) == "Inside"
    assert inner.attachments[0].properties.value(0x3701) == b"b"
    assert [where for where, _ in read_stream(STREAM).messages()] == ["", "attachment 1: "]


def test_every_end_of_a_good_stream_is_refused() -> None:
    for length in range(len(STREAM)):
        with pytest.raises(StreamRefused):
            read_stream(STREAM[:length])


def test_an_end_between_two_objects_is_not_missed() -> None:
    """A content that just stops after its last property is a whole message; one within an attachment is not."""
    assert read_content(CLASS).message_class == "IPM.Note"
    for tail in (RECIPIENT, FILE):
        refused(CLASS + tail[:-4], Fault.CUT_SHORT)


def embed(inner: bytes) -> bytes:
    head = marker(tags.NEW_ATTACH) + struct.pack("<IiIi", 0x0E210003, 0, 0x37050003, 5) + marker(tags.START_EMBED)
    return head + inner + marker(tags.END_EMBED) + marker(tags.END_ATTACH)


GOOD = [
    CLASS, CLASS + RECIPIENT, CLASS + FILE, CLASS + RECIPIENT + FILE, CLASS + RECIPIENTS + RECIPIENT + FILES + FILE,
    CLASS + RECIPIENTS + FILES, CLASS + FILES + FILE, CLASS + embed(CLASS + RECIPIENT + FILE),
    CLASS + embed(struct.pack("<IQ", tags.MID_TAG, 7) + CLASS), CLASS + struct.pack("<HHI", 0x0102, 0x300B, 0),
    struct.pack("<HHI", 0x84E4, 0x4008, 2) + b"/\0" + CLASS,
]  # fmt: skip


@pytest.mark.parametrize("content", GOOD)
def test_what_the_grammar_allows_is_read(content: bytes) -> None:
    assert read_content(content).message_class == "IPM.Note"


def named(kind: int, place: UUID, tail: bytes, value: bytes, id_: int = 0x8000) -> bytes:
    return struct.pack("<HH", kind, id_) + place.bytes_le + tail + value


LID = b"\0" + struct.pack("<I", 0x9999)
OTHER = named(3, COMMON, LID, bytes(4))
SUBJECT = struct.pack("<HH", 0x84B0, 0x0037)
BAD: list[tuple[str, bytes, Fault]] = [
    ("no class", number(0x00170003), Fault.MISSING),
    ("an empty message", b"", Fault.MISSING),
    ("no class in an embedded message", CLASS + embed(number(0x00170003)), Fault.MISSING),
    ("an empty class", struct.pack("<HHI", 0x001F, 0x001A, 2) + b"\0\0", Fault.BAD_VALUE),
    ("a property after a recipient", CLASS + RECIPIENT + number(0x00170003), Fault.WRONG_ORDER),
    ("a property after an attachment", CLASS + FILE + number(0x00170003), Fault.WRONG_ORDER),
    ("a recipient after an attachment", CLASS + FILE + RECIPIENT, Fault.UNBALANCED),
    ("recipients announced after attachments", CLASS + FILES + RECIPIENTS, Fault.WRONG_ORDER),
    ("recipients announced twice", CLASS + RECIPIENTS + RECIPIENTS, Fault.WRONG_ORDER),
    ("recipients after attachments are announced", CLASS + FILES + RECIPIENT, Fault.UNBALANCED),
    ("something else announced", CLASS + number(tags.DEL_PROP, 0x3001001F), Fault.WRONG_ORDER),
    ("a start of a message", marker(tags.START_MESSAGE) + CLASS + marker(tags.END_MESSAGE), Fault.MISSING),
    ("an end of a message", CLASS + marker(tags.END_MESSAGE), Fault.UNBALANCED),
    ("an end of a recipient alone", CLASS + marker(tags.END_RECIPIENT), Fault.UNBALANCED),
    ("an end of an embedded message alone", CLASS + marker(tags.END_EMBED), Fault.UNBALANCED),
    ("a start in a recipient", CLASS + RECIPIENT[:-4] + RECIPIENT, Fault.UNBALANCED),
    ("an embedded message in none", CLASS + marker(tags.START_EMBED) + CLASS, Fault.UNBALANCED),
    ("an attachment without number", CLASS + FILE[:4] + FILE[12:], Fault.MISSING),
    ("an attachment whose number is not first", CLASS + FILE[:4] + FILE[12:20] + FILE[4:12] + FILE[20:], Fault.MISSING),
    ("an attachment without method", CLASS + FILE[:12] + FILE[20:], Fault.MISSING),
    ("an attachment without data", CLASS + FILE[:20] + FILE[-4:], Fault.MISSING),
    ("method 5 without message", CLASS + FILE.replace(number(METHOD, 1), number(METHOD, 5)), Fault.MISSING),
    ("method 9", CLASS + FILE.replace(number(METHOD, 1), number(METHOD, 9)), Fault.BAD_VALUE),
    ("a message and method 1", CLASS + embed(CLASS).replace(number(METHOD, 5), number(METHOD, 1)), Fault.MISSING),
    ("two attachments of one number", CLASS + FILE + FILE, Fault.TWICE),
    ("a recipient without row", CLASS + RECIPIENT[:4] + RECIPIENT[12:], Fault.MISSING),
    ("a recipient without type", CLASS + RECIPIENT[:12] + RECIPIENT[20:], Fault.MISSING),
    ("a recipient of no type", CLASS + RECIPIENT.replace(number(TO, 1), number(TO, 4)), Fault.BAD_VALUE),
    ("two recipients of one row", CLASS + RECIPIENT + RECIPIENT, Fault.TWICE),
    ("a property twice", CLASS + number(0x00170003) * 2, Fault.TWICE),
    ("a size", CLASS + number(0x0E080003), Fault.FORBIDDEN),
    ("an entry id of a message", CLASS + struct.pack("<HHI", 0x0102, 0x0FFF, 1) + b"x", Fault.FORBIDDEN),
    ("a change key", CLASS + struct.pack("<HHI", 0x0102, 0x65E2, 1) + b"x", Fault.FORBIDDEN),
    ("a MID at the top", struct.pack("<IQ", tags.MID_TAG, 7) + CLASS, Fault.FORBIDDEN),
    ("a MID that is not first", CLASS + embed(CLASS + struct.pack("<IQ", tags.MID_TAG, 7)), Fault.FORBIDDEN),
    ("an internal property", CLASS + number(0x66010003), Fault.FORBIDDEN),
    ("recipients as a property", CLASS + number(0x0E12000D), Fault.FORBIDDEN),
    ("a DN prefix that is not first", CLASS + struct.pack("<HHI", 0x84E4, 0x4008, 1) + b"\0", Fault.WRONG_ORDER),
    ("a DN prefix in UTF-16", struct.pack("<HHI", 0x001F, 0x4008, 2) + b"\0\0" + CLASS, Fault.WRONG_TYPE),
    ("a warning", CLASS + number(0x400F0003), Fault.WRONG_ORDER),
    ("information of an error", CLASS + marker(tags.ERROR_INFO), Fault.UNBALANCED),
    ("a string without null", CLASS + SUBJECT + struct.pack("<I", 2) + b"a\0", Fault.BAD_STRING),
    ("a string of odd length", CLASS + SUBJECT + struct.pack("<I", 3) + b"a\0\0", Fault.BAD_LENGTH),
    ("a string of no length", CLASS + SUBJECT + struct.pack("<I", 0), Fault.BAD_LENGTH),
    ("a string with a null inside", CLASS + SUBJECT + struct.pack("<I", 6) + b"\0\0a\0\0\0", Fault.BAD_STRING),
    ("half a surrogate", CLASS + SUBJECT + struct.pack("<I", 4) + b"\0\xd8\0\0", Fault.BAD_STRING),
    ("letters that a code page has not", CLASS + struct.pack("<HHI", 0x84E4, 0x0037, 2) + b"\x81\0", Fault.BAD_STRING),
    ("no such code page", CLASS + struct.pack("<HHI", 0x8001, 0x0037, 2) + b"a\0", Fault.UNKNOWN_TYPE),
    ("a length beyond the end", CLASS + SUBJECT + struct.pack("<I", 1 << 31) + b"\0\0", Fault.BAD_LENGTH),
    ("a boolean of 2", CLASS + struct.pack("<IH", 0x0029000B, 2), Fault.BAD_VALUE),
    ("a boolean of one byte", CLASS + struct.pack("<IB", 0x0029000B, 1), Fault.CUT_SHORT),
    ("a time beyond 9999", CLASS + struct.pack("<IQ", 0x00390040, t.LAST_TIME + 1), Fault.BAD_VALUE),
    ("importance as a string", CLASS + struct.pack("<HHI", 0x001F, 0x0017, 2) + b"\0\0", Fault.WRONG_TYPE),
    ("a subject as bytes", CLASS + struct.pack("<HHI", 0x0102, 0x0037, 1) + b"x", Fault.WRONG_TYPE),
    ("a start as an integer", CLASS + named(3, items.APPOINTMENT, b"\0\x0d\x82\0\0", bytes(4)), Fault.WRONG_TYPE),
    ("an object in a message", CLASS + struct.pack("<HHI", 0x000D, 0x7001, 1) + b"x", Fault.WRONG_TYPE),
    ("a type that nobody knows", CLASS + number(0x70010001), Fault.UNKNOWN_TYPE),
    ("an error code", CLASS + number(0x7001000A), Fault.UNKNOWN_TYPE),
    ("a multiple of booleans", CLASS + struct.pack("<HHI", 0x100B, 0x7001, 0), Fault.UNKNOWN_TYPE),
    ("more values than bytes", CLASS + struct.pack("<HHI", 0x1003, 0x7001, 9) + bytes(4), Fault.BAD_LENGTH),
    ("fewer values than told", CLASS + struct.pack("<HHI", 0x1003, 0x7001, 2) + bytes(4), Fault.CUT_SHORT),
    ("a name of no kind", CLASS + named(3, COMMON, b"\2" + LID[1:], bytes(4)), Fault.BAD_NAME),
    ("a set of zeros", CLASS + named(3, UUID(int=0), LID, bytes(4)), Fault.BAD_NAME),
    ("a name in PS_MAPI", CLASS + named(3, PS_MAPI, LID, bytes(4)), Fault.BAD_NAME),
    ("an empty name", CLASS + named(3, COMMON, b"\1\0\0", bytes(4)), Fault.BAD_NAME),
    ("a name that is too long", CLASS + named(3, COMMON, b"\1" + b"a\0" * 127 + b"\0\0", bytes(4)), Fault.BAD_LENGTH),
    ("a name without null", CLASS + named(3, COMMON, b"\1a\0", b"b\0"), Fault.CUT_SHORT),
    ("an id for two names", CLASS + OTHER + named(3, COMMON, b"\0\1\0\0\0", bytes(4)), Fault.BAD_NAME),
    ("two ids for a name", CLASS + RECIPIENT[:-4] + OTHER + RECIPIENT[-4:]
     + FILE[:-4] + named(3, COMMON, LID, bytes(4), 0x8001) + FILE[-4:], Fault.BAD_NAME),
    ("the id FFFF", CLASS + named(3, COMMON, LID, bytes(4), 0xFFFF), Fault.BAD_NAME),
    ("bytes left over", CLASS + FILE + b"\0\0", Fault.LEFT_OVER),
    ("half a tag", CLASS + b"\x03\0", Fault.CUT_SHORT),
]  # fmt: skip


@pytest.mark.parametrize(("content", "fault"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_exchange_could_not_make_sense_of_is_refused(content: bytes, fault: Fault) -> None:
    refused(content, fault)


def test_messages_in_messages_have_an_end() -> None:
    content = CLASS
    for _ in range(31):
        content = CLASS + embed(content)
    refused(content, Fault.TOO_DEEP)


def test_a_refusal_names_place_wanted_and_seen() -> None:
    content = CLASS + struct.pack("<IH", 0x0029000B, 2)
    refusal = refused(content, Fault.BAD_VALUE, len(CLASS) + 4)
    assert "ReadReceiptRequested" in refusal.wanted and refusal.seen == "2"
    with pytest.raises(StreamRefused) as caught:
        read_stream(items.envelope(content, 5 + 3))
    assert caught.value.offset == 62 + 8 + 8 + len(CLASS) + 4, "counted in what was given, over two buffers"


@pytest.mark.parametrize(
    ("cut", "is_read"),
    [(len(CLASS) - 5, True), (len(CLASS), True), (4, True), (8, True), (2, False), (6, False), (len(CLASS) + 6, False)],
)
def test_a_buffer_ends_between_atoms_or_inside_a_long_value(cut: int, is_read: bool) -> None:
    stream = items.envelope(CLASS + number(0x00170003), cut)
    if is_read:
        assert read_stream(stream).message_class == "IPM.Note"
        return
    with pytest.raises(StreamRefused) as caught:
        read_stream(stream)
    assert caught.value.fault is Fault.SPLIT


def test_the_name_of_a_property_is_not_split_from_its_type() -> None:
    stream = items.envelope(CLASS + OTHER, len(CLASS) + 4)
    with pytest.raises(StreamRefused) as caught:
        read_stream(stream)
    assert (caught.value.fault, caught.value.offset) == (Fault.SPLIT, 70 + len(CLASS))


def _words(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


ENVELOPES: list[tuple[str, Callable[[bytes], bytes], Fault]] = [
    ("nothing", lambda _: b"", Fault.CUT_SHORT),
    ("no buffer", lambda head: head, Fault.CUT_SHORT),
    ("an empty buffer", lambda head: head + _words(2, 0), Fault.BAD_LENGTH),
    ("an unknown opcode", lambda head: head + _words(5, 0), Fault.UNKNOWN_OPCODE),
    ("a buffer first", lambda head: _words(2, len(CLASS)) + CLASS + head, Fault.WRONG_ORDER),
    ("no interface", lambda head: head[:16] + head[48:] + _words(2, len(CLASS)) + CLASS, Fault.WRONG_ORDER),
    ("another interface", lambda head: head.replace(b"\x07\x03\x02", b"\x0c\x03\x02"), Fault.BAD_VALUE),
    ("another method", lambda head: head[:12] + b"\2" + head[13:], Fault.BAD_VALUE),
    ("a config that is longer", lambda head: _words(1, 9) + head[8:16] + b"\0" + head[16:], Fault.LEFT_OVER),
    ("a version of nobody", lambda head: head[:-5] + b"\x63" + head[-4:], Fault.BAD_VALUE),
    ("a buffer beyond the end", lambda head: head + _words(2, len(CLASS) + 1) + CLASS, Fault.CUT_SHORT),
    ("a second config", lambda head: head + _words(2, len(CLASS)) + CLASS + head, Fault.WRONG_ORDER),
    ("bytes left over", lambda head: head + _words(2, len(CLASS)) + CLASS + b"\2", Fault.CUT_SHORT),
]


@pytest.mark.parametrize(("spoil", "fault"), [case[1:] for case in ENVELOPES], ids=[case[0] for case in ENVELOPES])
def test_a_broken_envelope_is_refused(spoil: Callable[[bytes], bytes], fault: Fault) -> None:
    with pytest.raises(StreamRefused) as caught:
        read_stream(spoil(STREAM[:62]))
    assert caught.value.fault is fault, caught.value


def test_multiple_values_and_names_keep_their_kind() -> None:
    kept = read_stream(STREAM).properties
    assert kept.value(Name(COMMON, 0x9997)) == (b"a", b"")
    assert kept.value(Name(items.INTERNET_HEADERS, "x-mailer")) == "A mailer"
    assert kept.moment(0x0E06) == items.MONDAY


def test_an_ole_object_is_data_of_an_attachment() -> None:
    data: dict[Any, Any] = {0x0E21: 0, 0x3705: 6, 0x3701: (t.OBJECT, b"ole")}
    message = StoredProperties(Properties(items.put({0x001A: "IPM.Note"})), (), (Attachment(items.put(data)),))
    assert read_stream(write_stream(message)).attachments[0].properties.value(0x3701) == b"ole"
