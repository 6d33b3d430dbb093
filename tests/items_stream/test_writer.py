"""Items become streams that say the same, in the order of MS-OXCFXICS 2.2.4; what does not fit is refused."""

from __future__ import annotations

import base64
import pickle
import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_reader import envelope, read, read_transfer

from mailmove.errors import Blocked, ItemUnwritable
from mailmove.items.stream.envelope import Atom, in_envelope, pieces
from mailmove.items.stream.item import (
    StreamAttachment,
    StreamItem,
    StreamRecipient,
    by_value,
    embedded_item,
    ole_object,
)
from mailmove.items.stream.known.parts import ATTACH_DATA, ATTACH_METHOD
from mailmove.items.stream.properties import COMMON, PUBLIC_STRINGS, Lid, Name, Property, Tag
from mailmove.items.stream.property_types import PropertyType as T
from mailmove.items.stream.writer import stream_of, transfer_of

SUBJECT, CLASS = Property(Tag(0x37), T.STRING), Property(Tag(0x1A), T.STRING)
PRIVATE = Property(Lid(COMMON, 0x8506), T.BOOLEAN)
KEYWORDS = Property(Name(PUBLIC_STRINGS, "Keywords"), T.MULTIPLE_STRING)

SAMPLE = """AQAAAAgAAAAAAAAAAQAAAAMAAAAYAAAAAQAAAAcDAgAAAAAAwAAAAAAAAEYAJACABAAAAAYAAAABDqSAAAACAAAAcSMAAOSECEBbAAAAL089
RklSU1QgT1JHQU5JWkFUSU9OL09VPUVYQ0hBTkdFIEFETUlOSVNUUkFUSVZFIEdST1VQIChGWURJQk9IRjIzU1BETFQpL0NOPVJFQ0lQSUVOVFMvQ049
AAMAFwABAAAAsIQaABIAAABJAFAATQAuAE4AbwB0AGUAAAALACMAAAADACYAAAAAAAsAKQAAAAMALgAAAAAAAwA2AAAAAACwhw4="""
"""Of Microsoft's page of the UploadItems operation; it is cut off there."""


def written(text: str) -> bytes:
    return f"{text}\0".encode("utf-16-le")


def test_the_envelope_begins_as_in_the_sample_of_microsoft() -> None:
    sample = base64.b64decode(SAMPLE)
    ours = stream_of(StreamItem({CLASS: "IPM.Note"}))
    assert ours[:62] == sample[:62]
    assert struct.unpack_from("<I", ours, 62) == struct.unpack_from("<I", sample, 62) == (2,)


def test_properties_are_spelled_as_in_the_sample_of_microsoft() -> None:
    sample = base64.b64decode(SAMPLE)
    shared = {
        Property(Tag(0x17), T.INTEGER32): 1, CLASS: "IPM.Note", Property(Tag(0x23), T.BOOLEAN): False,
        Property(Tag(0x26), T.INTEGER32): 0, Property(Tag(0x29), T.BOOLEAN): False,
        Property(Tag(0x2E), T.INTEGER32): 0, Property(Tag(0x36), T.INTEGER32): 0,
    }  # fmt: skip
    begin, end = sample.index(bytes.fromhex("03001700")), sample.rindex(bytes.fromhex("b0870e"))
    assert transfer_of(StreamItem(shared)).startswith(sample[begin:end])
    as_unicode = sample[begin:end].replace(bytes.fromhex("b0841a00"), bytes.fromhex("1f001a00"))
    assert transfer_of(StreamItem(shared), string_type=T.STRING).startswith(as_unicode)


VALUES: list[tuple[T, Any, bytes]] = [
    (T.INTEGER16, -2, b"\xfe\xff"),
    (T.INTEGER32, 2**31 - 1, b"\xff\xff\xff\x7f"),
    (T.INTEGER64, -1, b"\xff" * 8),
    (T.FLOATING32, 0.5, struct.pack("<f", 0.5)),
    (T.FLOATING64, 0.1, struct.pack("<d", 0.1)),
    (T.FLOATING_TIME, 2.5, struct.pack("<d", 2.5)),
    (T.CURRENCY, Decimal("12.3456"), struct.pack("<q", 123456)),
    (T.ERROR_CODE, 0x8004010F, bytes.fromhex("0f010480")),
    (T.BOOLEAN, True, b"\1\0"),
    (T.TIME, datetime(1601, 1, 1, 0, 0, 0, 1, tzinfo=UTC), struct.pack("<Q", 10)),
    (T.TIME, datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), struct.pack("<Q", 116444736000000000)),
    (T.TIME, datetime(4501, 1, 1, tzinfo=UTC), bytes.fromhex("0040dda35745b30c")),
    (T.GUID, UUID("00020307-0000-0000-c000-000000000046"), bytes.fromhex("0703020000000000c000000000000046")),
    (T.STRING, "Grüße 📫", written("Grüße 📫")),
    (T.STRING, "", b"\0\0"),
    (T.STRING8, "abc", b"abc\0"),
    (T.BINARY, b"", b""),
    (T.BINARY, b"\0\1" * 40_000, b"\0\1" * 40_000),
    (T.OBJECT, b"\xd0\xcf", b"\xd0\xcf"),
    (T.SERVER_ID, b"\1", b"\1"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), VALUES)
def test_a_value_of_each_type(kind: T, value: Any, expected: bytes) -> None:
    one = Property(Tag(0x6900), kind)
    assert read(stream_of(StreamItem({one: value}))).properties == {(0x6900, kind): expected}


@pytest.mark.parametrize("kind", [kind for kind in T if kind.is_multiple])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_several_values_of_each_type(kind: T, count: int) -> None:
    value, expected = next((value, expected) for single, value, expected in VALUES if single == kind.single)
    one = Property(Tag(0x6900), kind)
    assert read(stream_of(StreamItem({one: [value] * count}))).properties == {(0x6900, kind): [expected] * count}


UNFIT: list[tuple[T, Any]] = [
    (T.INTEGER16, 2**15), (T.INTEGER32, 2**31), (T.INTEGER32, -(2**31) - 1), (T.INTEGER64, 2**63), (T.INTEGER32, True),
    (T.INTEGER32, 1.0), (T.INTEGER32, "1"), (T.ERROR_CODE, -1), (T.FLOATING32, 1e39), (T.FLOATING64, float("nan")),
    (T.FLOATING64, "1"), (T.CURRENCY, Decimal("0.00001")), (T.CURRENCY, Decimal("NaN")), (T.CURRENCY, 1.5),
    (T.CURRENCY, Decimal(10) ** 16), (T.BOOLEAN, 1), (T.BOOLEAN, None), (T.TIME, datetime(2026, 1, 1)),
    (T.TIME, datetime(1600, 12, 31, tzinfo=UTC)), (T.TIME, "2026-01-01"), (T.GUID, "00020307"), (T.STRING, "a\0b"),
    (T.STRING, "\ud83d"), (T.STRING, b"a"), (T.STRING, None), (T.STRING8, "ü"), (T.BINARY, "a"),
    (T.BINARY, bytearray(b"a")),
    (T.MULTIPLE_STRING, "abc"), (T.MULTIPLE_STRING, ["a", None]), (T.MULTIPLE_BINARY, b"abc"), (T.STRING, ["a"]),
    (T.MULTIPLE_INTEGER32, [1, 2**31]), (T.INTEGER32, [1]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), UNFIT)
def test_a_value_that_its_type_cannot_hold_is_refused(kind: T, value: Any) -> None:
    owner = Property(Tag(0x6900), kind, "PidTagMadeUp")
    with pytest.raises(ItemUnwritable) as caught:
        stream_of(StreamItem({owner: value}))
    error = caught.value
    assert isinstance(error, Blocked) and error.code == "ValueUnfit" and "PidTagMadeUp" in error.wanted
    assert pickle.loads(pickle.dumps(error)).seen == error.seen


def test_an_error_does_not_show_what_a_person_wrote() -> None:
    with pytest.raises(ItemUnwritable) as caught:
        stream_of(StreamItem({SUBJECT: "salary of\0Anna"}))
    assert "Anna" not in str(caught.value)


def test_named_properties_have_one_id_in_the_whole_stream_and_two_names_never_the_same() -> None:
    inner = StreamItem({PRIVATE: False, KEYWORDS: ["x"]})
    item = StreamItem({KEYWORDS: ["Rot", "Blau"], PRIVATE: True}, attachments=(embedded_item("in", inner),))
    message = read(stream_of(item))
    assert message.properties == {
        ((COMMON, 0x8506), T.BOOLEAN): b"\1\0",
        ((PUBLIC_STRINGS, "Keywords"), T.MULTIPLE_STRING): [written("Rot"), written("Blau")],
    }
    embedded = message.attachments[0][1]
    assert embedded is not None and embedded.properties[(COMMON, 0x8506), T.BOOLEAN] == b"\0\0"


def test_recipients_and_attachments_come_in_order_between_their_markers() -> None:
    kind, name = Property(Tag(0x0C15), T.INTEGER32), Property(Tag(0x3001), T.STRING)
    people = tuple(StreamRecipient({kind: 1, name: text}) for text in ("Anna", "Ben"))
    data = transfer_of(StreamItem({SUBJECT: "s"}, people, (by_value("a.txt", b"A"), by_value("b", b"B", position=7))))
    message = read_transfer(data)
    assert message.deleted == [0x0E12000D, 0x0E13000D]
    assert [one[0x3000, T.INTEGER32] for one in message.recipients] == [struct.pack("<I", 0), struct.pack("<I", 1)]
    assert [one[0x3001, T.STRING] for one in message.recipients] == [written("Anna"), written("Ben")]
    first, second = (one for one, _ in message.attachments)
    assert first[0x3701, T.BINARY] == b"A" and first[0x3705, T.INTEGER32] == struct.pack("<I", 1)
    assert first[0x3703, T.STRING] == written(".txt") and (0x3703, T.STRING) not in second
    assert first[0x370B, T.INTEGER32] == b"\xff" * 4 and second[0x370B, T.INTEGER32] == struct.pack("<I", 7)
    assert [one[0x0E21, T.INTEGER32] for one in (first, second)] == [struct.pack("<I", 0), struct.pack("<I", 1)]


def test_what_the_server_names_itself_is_left_out_and_who_a_recipient_is_stays() -> None:
    size, flags = (Property(Tag(number), T.INTEGER32) for number in (0x0E08, 0x0E07))
    entry = Property(Tag(0x0FFF), T.BINARY)
    change, row = Property(Tag(0x65E2), T.BINARY), Property(Tag(0x3000), T.INTEGER32)
    item = {size: 5, entry: b"e", flags: 1, change: b"c", SUBJECT: "s", Property(Tag(0x6700), T.INTEGER32): 1}
    hidden = Property(Tag(0x7FFE), T.BOOLEAN)
    file = by_value("f", b"", more={size: 1, entry: b"e", hidden: True, Property(Tag(0x0E21), T.INTEGER32): 9})
    message = read(stream_of(StreamItem(item, (StreamRecipient({entry: b"who", row: 9, size: 3}),), (file,))))
    assert set(message.properties) == {(0x0E07, T.INTEGER32), (0x37, T.STRING)}
    assert message.recipients == [{(0x3000, T.INTEGER32): b"\0" * 4, (0x0FFF, T.BINARY): b"who"}]
    assert message.attachments[0][0][0x7FFE, T.BOOLEAN] == b"\1\0"
    assert message.attachments[0][0][0x0E21, T.INTEGER32] == b"\0" * 4
    assert not {(0x0E08, T.INTEGER32), (0x0FFF, T.BINARY)} & set(message.attachments[0][0])


def test_items_in_items_in_items() -> None:
    item = StreamItem({SUBJECT: "0"})
    for depth in range(1, 32):
        item = StreamItem({SUBJECT: str(depth)}, attachments=(embedded_item("i", item), by_value("f", b"x")))
    message: Any = read(stream_of(item))
    for depth in range(31, 0, -1):
        assert message.properties[0x37, T.STRING] == written(str(depth)) and len(message.attachments) == 2
        message = message.attachments[0][1]
    with pytest.raises(ItemUnwritable):
        stream_of(StreamItem({}, attachments=(embedded_item("i", item),)))


def test_an_ole_object_keeps_its_storage() -> None:
    message = read(stream_of(StreamItem({}, attachments=(ole_object("chart", b"\xd0\xcf\x11\xe0", position=12),))))
    assert message.attachments[0][0][0x3701, T.OBJECT] == b"\xd0\xcf\x11\xe0"
    assert message.attachments[0][0][0x3705, T.INTEGER32] == struct.pack("<I", 6)


@pytest.mark.parametrize(
    "attachment",
    [
        StreamAttachment({}),
        StreamAttachment({ATTACH_METHOD: 9}),
        StreamAttachment({ATTACH_METHOD: 1}),
        StreamAttachment({ATTACH_METHOD: 5}),
        StreamAttachment({ATTACH_METHOD: 6, ATTACH_DATA: b""}),
        StreamAttachment({ATTACH_METHOD: 1, ATTACH_DATA: b""}, embedded=StreamItem({})),
        StreamAttachment({ATTACH_METHOD: 5, ATTACH_DATA: b""}, embedded=StreamItem({})),
        StreamAttachment({ATTACH_METHOD: 7, ATTACH_DATA: b""}),
    ],
)
def test_an_attachment_whose_content_is_not_that_of_its_method_is_refused(attachment: StreamAttachment) -> None:
    with pytest.raises(ItemUnwritable):
        stream_of(StreamItem({}, attachments=(attachment,)))


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({Property(Tag(0x8001), T.INTEGER32): 1}, "TagOfName"),
        ({Property(Tag(0), T.INTEGER32): 1}, "TagOfName"),
        ({Property(Name(COMMON, ""), T.INTEGER32): 1}, "NameUnfit"),
        ({Property(Name(COMMON, "a\0b"), T.INTEGER32): 1}, "NameUnfit"),
        ({Property(Name(COMMON, "\udc00"), T.INTEGER32): 1}, "NameUnfit"),
        ({SUBJECT: "a", Property(Tag(0x37), T.STRING8): "b"}, "PropertyTwice"),
        ({Property(Name(COMMON, str(n)), T.BOOLEAN): True for n in range(0x7FFF + 1)}, "TooMany"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_stream_can_name_is_refused(properties: dict[Property, Any], code: str) -> None:
    with pytest.raises(ItemUnwritable) as caught:
        stream_of(StreamItem(properties))
    assert caught.value.code == code


def test_the_same_item_gives_the_same_bytes_in_whatever_order_it_was_read() -> None:
    pairs: list[tuple[Property, Any]] = [(KEYWORDS, ["x"]), (SUBJECT, "s"), (PRIVATE, True), (CLASS, "IPM.Note")]
    assert stream_of(StreamItem(dict(pairs))) == stream_of(StreamItem(dict(reversed(pairs))))


def test_a_large_item_is_divided_into_buffers_inside_values_only() -> None:
    content = bytes(range(256)) * 400
    data = stream_of(StreamItem({SUBJECT: "s"}, attachments=(by_value("f", content),)))
    buffers = [piece for opcode, piece in envelope(data) if opcode == 2]
    assert len(buffers) > 3 and max(map(len, buffers)) <= 31_680
    assert read(data).attachments[0][0][0x3701, T.BINARY] == content


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=20).map(lambda a: [Atom(*one) for one in a]),
    st.integers(min_value=1, max_value=30),
)
def test_no_piece_divides_what_stands_together(atoms: list[Atom], largest: int) -> None:
    whole = b"".join(atom.data for atom in atoms)
    parts = list(pieces(atoms, largest))
    assert b"".join(parts) == whole and all(parts)
    ends, position = set(), 0
    for part in parts[:-1]:
        position += len(part)
        ends.add(position)
    start = 0
    for atom in atoms:
        inside = {end for end in ends if start < end < start + len(atom.data)}
        assert atom.divisible or not inside
        start += len(atom.data)
    longest = max((len(atom.data) for atom in atoms if not atom.divisible), default=0)
    assert all(len(part) <= max(largest, longest) for part in parts)
    assert len(envelope(in_envelope(atoms, largest))) == 3 + len(parts)
