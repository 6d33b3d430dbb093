"""An item's FastTransfer stream (MS-OXCFXICS 2.2.4), from bytes to typed properties: what `writer.py` writes, and what
any server exports.

Read is what the specification allows in an item: texts in any code page, elements in any order, properties that nobody
knows. What it does not allow is refused with its place, so that half an item is never taken for a whole one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from mailmove.errors import ItemUnreadable
from mailmove.items.stream.envelope import CONFIG, IS_INTERFACE_OK, TELL_PARTNER_VERSION, TRANSFER_BUFFER
from mailmove.items.stream.item import StreamAttachment, StreamItem, StreamRecipient
from mailmove.items.stream.properties import FIRST_NAMED, Key, Lid, Name, Property, Tag
from mailmove.items.stream.property_types import MULTIPLE, PropertyType
from mailmove.items.stream.values import EPOCH, VARIABLE, Single, Value
from mailmove.items.stream.writer import (
    DEEPEST,
    DELETE_PROPERTY,
    END_ATTACHMENT,
    END_EMBEDDED,
    END_RECIPIENT,
    NEW_ATTACHMENT,
    START_EMBEDDED,
    START_RECIPIENT,
)

_MARKERS = {END_ATTACHMENT, END_EMBEDDED, END_RECIPIENT, NEW_ATTACHMENT, START_EMBEDDED, START_RECIPIENT}
_BEFORE = (CONFIG, IS_INTERFACE_OK, TELL_PARTNER_VERSION)
_CLASS = Tag(0x001A)
_CODE_PAGE = 0x8000
"""Bit of a type that is a text in the code page of its other bits (2.2.4.1.1.1)."""
_PAGES = {1200: "utf-16-le", 1201: "utf-16-be", 20127: "ascii", 28591: "latin-1", 65001 & 0x7FFF: "utf-8"}
_FIXED: dict[PropertyType, str] = {
    PropertyType.INTEGER16: "<h",
    PropertyType.INTEGER32: "<i",
    PropertyType.INTEGER64: "<q",
    PropertyType.FLOATING32: "<f",
    PropertyType.FLOATING64: "<d",
    PropertyType.FLOATING_TIME: "<d",
    PropertyType.ERROR_CODE: "<I",
    PropertyType.BOOLEAN: "<H",
    PropertyType.CURRENCY: "<q",
    PropertyType.TIME: "<Q",
}


def read_item(data: bytes) -> StreamItem:
    """The item in an envelope, not in base64. A text of whatever code page has the type STRING, one beyond its code
    page the bytes. ItemUnreadable: cut off, or not as published; `code` names what, `seen` the byte."""
    item = read_transfer(b"".join(_buffers(data)))
    if not any(owner.key == _CLASS for owner in item.properties):
        raise _fault("an item, which has a class", "none", "NoClass", len(data))
    return item


def read_transfer(stream: bytes) -> StreamItem:
    """The item in a stream without envelope. ItemUnreadable as of `read_item`."""
    reader = _Reader(stream)
    item = reader.item(1)
    if reader.at != len(stream):
        raise reader.fault("the end of the item", "more", "Trailing")
    return item


def _buffers(data: bytes) -> Iterator[bytes]:
    """Pieces of the stream. What stands before them stands there once; a stream that goes on elsewhere is not whole."""
    at, before = 0, set(_BEFORE)
    while at < len(data):
        if at + 8 > len(data):
            raise _fault("an opcode and a length", "the end", "CutOff", at)
        opcode, length = struct.unpack_from("<II", data, at)
        if opcode == TRANSFER_BUFFER:
            before.clear()
        elif opcode in before:
            before.remove(opcode)
        else:
            raise _fault("a buffer of the stream", f"opcode {opcode}", "Order", at)
        at += 8
        if at + length > len(data):
            raise _fault(f"{length} bytes", f"{len(data) - at}", "CutOff", at)
        if opcode == TRANSFER_BUFFER:
            yield data[at : at + length]
        at += length


def _fault(wanted: str, seen: str, code: str, at: int) -> ItemUnreadable:
    return ItemUnreadable(
        "the item stream",
        wanted=wanted,
        seen=f"{seen} at byte {at}",
        todo="The item cannot be compared; see it in Outlook.",
        code=code,
    )


@dataclass
class _Reader:
    stream: bytes
    at: int = 0
    names: dict[int, Key] = field(default_factory=dict)

    def fault(self, wanted: str, seen: str, code: str) -> ItemUnreadable:
        return _fault(wanted, seen, code, self.at)

    def item(self, depth: int) -> StreamItem:
        """messageContent, up to the marker that ends it."""
        if depth > DEEPEST:
            raise self.fault(f"at most {DEEPEST} items inside of one another", "more", "TooDeep")
        properties = self._properties()
        recipients: list[StreamRecipient] = []
        attachments: list[StreamAttachment] = []
        while (marker := self._marker()) in (START_RECIPIENT, NEW_ATTACHMENT):
            self.at += 4
            if marker == START_RECIPIENT:
                recipients.append(StreamRecipient(self._properties()))
                self._expect(END_RECIPIENT)
            else:
                attachments.append(self._attachment(depth))
            self._properties(DELETE_PROPERTY.key)
        return StreamItem(properties, tuple(recipients), tuple(attachments))

    def _attachment(self, depth: int) -> StreamAttachment:
        properties, embedded = self._properties(), None
        if self._marker() == START_EMBEDDED:
            self.at += 4
            embedded = self.item(depth + 1)
            self._expect(END_EMBEDDED)
        self._expect(END_ATTACHMENT)
        return StreamAttachment(properties, embedded)

    def _marker(self) -> int | None:
        if self.at + 4 > len(self.stream):
            return None
        (number,) = struct.unpack_from("<I", self.stream, self.at)
        return number if number in _MARKERS else None

    def _expect(self, marker: int) -> None:
        if self._marker() != marker:
            raise self.fault(f"the marker {marker:08X}", "another element", "Order")
        self.at += 4

    def _properties(self, only: Key | None = None) -> dict[Property, Value]:
        """Up to the next marker. only: the one that may stand here."""
        found: dict[Property, Value] = {}
        while self.at < len(self.stream) and self._marker() is None:
            owner, value = self._element()
            if only is not None and owner.key != only:
                raise self.fault("a marker", f"{owner}", "Order")
            if owner.key == DELETE_PROPERTY.key:
                continue
            if owner in found:
                raise self.fault(f"{owner} once", "a second one", "PropertyTwice")
            found[owner] = value
        return found

    def _element(self) -> tuple[Property, Value]:
        kind, number = self._numbers("<HH")
        key = self._key(number)
        text = bool(kind & _CODE_PAGE) or kind & ~MULTIPLE in (PropertyType.STRING, PropertyType.STRING8)
        known = self._type(kind, text)
        if not known.is_multiple:
            return Property(key, known), self._value(kind, known)
        (count,) = self._numbers("<I")
        if count > len(self.stream) - self.at:
            raise self.fault(f"{count} values", "fewer bytes", "CutOff")
        return Property(key, known), tuple(self._value(kind & ~MULTIPLE, known.single) for _ in range(count))

    def _type(self, kind: int, text: bool) -> PropertyType:
        if text:
            several = bool(kind & MULTIPLE) and not kind & _CODE_PAGE
            return PropertyType.MULTIPLE_STRING if several else PropertyType.STRING
        try:
            return PropertyType(kind)
        except ValueError:
            raise self.fault("a type of MS-OXCDATA 2.11.1", f"type {kind:04X}", "UnknownType") from None

    def _key(self, number: int) -> Key:
        if number < FIRST_NAMED:
            return Tag(number)
        place = UUID(bytes_le=self._take(16))
        (how,) = self._numbers("<B")
        if how not in (0, 1):
            raise self.fault("a number or a text as a property's name", f"{how}", "NameUnfit")
        key: Key = Lid(place, *self._numbers("<I")) if how == 0 else Name(place, self._name())
        if self.names.setdefault(number, key) != key:
            raise self.fault("one name for one id", f"{number:04X} is {self.names[number]} and {key}", "TwoNames")
        return key

    def _name(self) -> str:
        letters = bytearray()
        while (pair := self._take(2)) != b"\0\0":
            letters += pair
        return letters.decode("utf-16-le", "replace")

    def _value(self, kind: int, known: PropertyType) -> Single:
        if known in _FIXED:
            (number,) = self._numbers(_FIXED[known])
            return _MEANT[known](number) if known in _MEANT else number
        if known is PropertyType.GUID:
            return UUID(bytes_le=self._take(16))
        assert known in VARIABLE, known
        raw = self._take(*self._numbers("<I"))
        return _text(kind, raw) if known is PropertyType.STRING else raw

    def _numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._take(struct.calcsize(form)))

    def _take(self, count: int) -> bytes:
        if self.at + count > len(self.stream):
            raise self.fault(f"{count} bytes", f"{len(self.stream) - self.at}", "CutOff")
        self.at += count
        return self.stream[self.at - count : self.at]


def _moment(ticks: int) -> Single:
    """A time; what lies beyond Python's calendar stays the number that it is."""
    try:
        return EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return ticks


_MEANT: dict[PropertyType, Callable[[int], Single]] = {
    PropertyType.BOOLEAN: bool,
    PropertyType.CURRENCY: lambda number: Decimal(number).scaleb(-4),
    PropertyType.TIME: _moment,
}


def _text(kind: int, raw: bytes) -> str | bytes:
    """Without the null at its end. Of a STRING8 nothing says the code page: what is not ASCII stays bytes."""
    page = 1200 if kind == PropertyType.STRING else kind & ~_CODE_PAGE if kind & _CODE_PAGE else 20127
    try:
        text = raw.decode(_PAGES.get(page, f"cp{page}"))
    except (UnicodeError, LookupError):
        return raw.removesuffix(b"\0")
    return text.removesuffix("\0")
