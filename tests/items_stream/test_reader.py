"""What any server exports becomes typed properties again; half an item is never taken for a whole one."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmove.errors import ItemUnreadable
from mailmove.items.stream.envelope import in_envelope
from mailmove.items.stream.item import StreamItem, StreamRecipient, by_value, embedded_item
from mailmove.items.stream.properties import COMMON, PUBLIC_STRINGS, Lid, Name, Property, Tag
from mailmove.items.stream.property_types import PropertyType as T
from mailmove.items.stream.reader import read_item, read_transfer
from mailmove.items.stream.writer import stream_of, transfer_of

CLASS, SUBJECT = Property(Tag(0x1A), T.STRING), Property(Tag(0x37), T.STRING)
THEN = datetime(2026, 11, 30, 3, 0, 0, 123456, tzinfo=UTC)
INNER = StreamItem({CLASS: "IPM.Note", SUBJECT: "inside"}, (StreamRecipient({Property(Tag(0x0C15), T.INTEGER32): 1}),))
WHOLE = StreamItem(
    {
        CLASS: "IPM.Note",
        SUBJECT: "Grüße 中文",
        Property(Tag(0x17), T.INTEGER32): -2,
        Property(Tag(0x39), T.TIME): THEN,
        Property(Tag(0x1009), T.BINARY): bytes(range(256)) * 300,
        Property(Lid(COMMON, 0x8506), T.BOOLEAN): True,
        Property(Name(PUBLIC_STRINGS, "Keywords"), T.MULTIPLE_STRING): ("rot", "grün"),
        Property(Name(PUBLIC_STRINGS, "Preis"), T.CURRENCY): Decimal("12.3456"),
        Property(Name(PUBLIC_STRINGS, "Id"), T.GUID): UUID(int=7),
        Property(Name(PUBLIC_STRINGS, "Anteil"), T.FLOATING64): 0.25,
        Property(Name(PUBLIC_STRINGS, "Groß"), T.INTEGER64): 2**40,
    },
    (
        StreamRecipient({Property(Tag(0x3001), T.STRING): "Anna"}),
        StreamRecipient({Property(Tag(0x3001), T.STRING): "B"}),
    ),
    (by_value("größe.txt", b"abc"), embedded_item("inside", INNER)),
)


def test_what_we_write_is_read_again() -> None:
    read = read_item(stream_of(WHOLE))
    assert read.properties == WHOLE.properties
    assert [one.properties[Property(Tag(0x3001), T.STRING)] for one in read.recipients] == ["Anna", "B"]
    assert [one.embedded is not None for one in read.attachments] == [False, True]
    assert read.attachments[1].embedded is not None
    assert read.attachments[1].embedded.properties == INNER.properties
    for mine, other in zip(WHOLE.attachments, read.attachments, strict=True):
        assert mine.properties.items() <= other.properties.items()
    assert read_transfer(transfer_of(WHOLE)) == read


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [
        (0x84B0, "ä\0".encode("utf-16-le"), "ä"),
        (0x001F, "ä\0".encode("utf-16-le"), "ä"),
        (0x84E4, b"\xe4\0", "ä"),
        (0x84E3, b"\xf1\0", "с"),
        (65001, "ä\0".encode(), "ä"),
        (0x001E, b"a\0", "a"),
        (0x001E, b"\xe4\0", b"\xe4"),
        (0x8001, b"a\0", b"a"),
    ],
)
def test_a_text_in_any_code_page(kind: int, raw: bytes, text: str | bytes) -> None:
    stream = struct.pack("<HHI", kind, 0x37, len(raw)) + raw
    assert read_transfer(stream).properties == {SUBJECT: text}


def test_every_cut_is_seen() -> None:
    small = StreamItem({CLASS: "IPM.Note", SUBJECT: "x"}, WHOLE.recipients, (embedded_item("inside", INNER),))
    data = stream_of(small)
    for end in range(63, len(data)):
        with pytest.raises(ItemUnreadable):
            read_item(data[:end])
    with pytest.raises(ItemUnreadable, match="opcode 9"):
        read_item(data + struct.pack("<II", 9, 0))
    with pytest.raises(ItemUnreadable, match="opcode 1"):
        read_item(data + data)


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (struct.pack("<HHH", 0x0BAD & 0x7FFF, 0x37, 0), "UnknownType"),
        (struct.pack("<HHH", T.BOOLEAN, 0x17, 1) * 2, "PropertyTwice"),
        (struct.pack("<HH", T.BOOLEAN, 0x8000) + COMMON.bytes_le + b"\2", "NameUnfit"),
        (struct.pack("<I", 0x40030003) * 2, "Order"),
        (struct.pack("<I", 0x40040003), "Trailing"),
        (struct.pack("<HHI", T.MULTIPLE_INTEGER32, 0x17, 2**31), "CutOff"),
        (
            struct.pack("<HH", T.BOOLEAN, 0x8000) + COMMON.bytes_le + b"\0" + struct.pack("<IH", 1, 0)
            + struct.pack("<HH", T.BOOLEAN, 0x8000) + COMMON.bytes_le + b"\0" + struct.pack("<IH", 2, 0),
            "TwoNames",
        ),
    ],
)  # fmt: skip
def test_what_is_not_as_published_is_named(stream: bytes, code: str) -> None:
    with pytest.raises(ItemUnreadable) as raised:
        read_transfer(stream)
    assert raised.value.code == code
    assert "at byte" in raised.value.seen


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_an_item_or_named(data: bytes) -> None:
    for read in (read_item, read_transfer):
        try:
            read(data)
        except ItemUnreadable as error:
            assert error.code


def test_a_time_beyond_the_calendar_stays_a_number() -> None:
    stream = struct.pack("<HHQ", T.TIME, 0x39, 2**63)
    assert list(read_transfer(stream).properties.values()) == [2**63]


def test_a_buffer_may_end_inside_of_a_value() -> None:
    from mailmove.items.stream.envelope import Atom

    assert read_item(in_envelope([Atom(transfer_of(WHOLE), divisible=True)], 1000)) == read_item(stream_of(WHOLE))
