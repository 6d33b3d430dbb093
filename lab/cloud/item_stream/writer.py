"""Writes a stream as an old Exchange's ExportItems would: the lab's own, for the lab's old server and for tests."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from uuid import UUID

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream import tags
from lab.cloud.item_stream.envelope import CONFIG, IID_MESSAGE, IS_INTERFACE_OK, TELL_PARTNER_VERSION, TRANSFER_BUFFER
from lab.cloud.item_stream.named_properties import Name
from lab.cloud.item_stream.stored import Properties, Property, StoredProperties

BUFFER = 0x7BC0  # bytes: what Exchange Online's own stream has in its first one (graph/api/mailbox-exportitems)
VERSION = (14, 3, 123)
_UNICODE = t.CODE_PAGE | 1200
_FORMS = {t.INT16: "<h", t.INT32: "<i", t.FLOAT32: "<f", t.FLOAT64: "<d", t.CURRENCY: "<q", t.APP_TIME: "<d"}
_FORMS |= {t.INT64: "<q", t.BOOLEAN: "<H", t.TIME: "<Q"}
Lexeme = tuple[bytes, bool]
"""(bytes, whether a buffer may end inside)."""


def write_stream(
    message: StoredProperties, version: tuple[int, int, int] = (14, 3, 123), buffer: int = BUFFER
) -> bytes:
    """buffer: most bytes of a TransferBuffer."""
    major, minor, build = version
    calls = [
        (CONFIG, struct.pack("<II", 0, 1)),
        (IS_INTERFACE_OK, struct.pack("<I", 1) + IID_MESSAGE.bytes_le + struct.pack("<I", 0x80002400)),
        (TELL_PARTNER_VERSION, struct.pack("<HHH", major << 8 | minor, 0x8000 | build, 0)),
        *((TRANSFER_BUFFER, piece) for piece in _pieces(_Writer().message(message), buffer)),
    ]
    return b"".join(struct.pack("<II", opcode, len(data)) + data for opcode, data in calls)


def _pieces(lexemes: Iterator[Lexeme], most: int) -> Iterator[bytes]:
    piece = b""
    for lexeme, splittable in lexemes:
        rest = lexeme
        while len(piece) + len(rest) > most:
            room = most - len(piece) if splittable else 0
            piece, rest = piece + rest[:room], rest[room:]
            yield piece
            piece = b""
        piece += rest
    yield piece


class _Writer:
    def __init__(self) -> None:
        self._ids: dict[Name, int] = {}

    def message(self, message: StoredProperties) -> Iterator[Lexeme]:
        if message.dn_prefix:
            yield from self._property(tags.DN_PREFIX, Property(t.CODE_PAGE | 1252, message.dn_prefix))
        yield from self._properties(message.properties)
        yield _tag(tags.DEL_PROP) + struct.pack("<I", tags.RECIPIENTS), False
        for recipient in message.recipients:
            yield _tag(tags.START_RECIPIENT), False
            yield from self._properties(recipient)
            yield _tag(tags.END_RECIPIENT), False
        yield _tag(tags.DEL_PROP) + struct.pack("<I", tags.ATTACHMENTS), False
        for attachment in message.attachments:
            yield _tag(tags.NEW_ATTACH), False
            yield from self._properties(attachment.properties)
            if attachment.message is not None:
                yield _tag(tags.START_EMBED), False
                yield from self.message(attachment.message)
                yield _tag(tags.END_EMBED), False
            yield _tag(tags.END_ATTACH), False

    def _properties(self, properties: Properties) -> Iterator[Lexeme]:
        for key, value in properties.items():
            yield from self._property(key, value)

    def _property(self, key: int | Name, kept: Property) -> Iterator[Lexeme]:
        kind = _UNICODE if kept.kind == t.STRING else kept.kind
        if isinstance(key, Name):
            number = self._ids.setdefault(key, 0x8000 + len(self._ids))
            name = b"\0" + struct.pack("<I", key.id) if isinstance(key.id, int) else b"\1" + _wide(key.id)
            yield struct.pack("<HH", kind, number) + key.set.bytes_le + name, False
        else:
            yield struct.pack("<HH", kind, key), False
        if isinstance(kept.value, tuple):
            yield struct.pack("<I", len(kept.value)), False
            for value in kept.value:
                yield from _single(kind & ~t.MULTIPLE, value)
        else:
            yield from _single(kind, kept.value)


def _tag(tag: int) -> bytes:
    return struct.pack("<I", tag)


def _wide(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def _single(kind: int, value: object) -> Iterator[Lexeme]:
    if kind in _FORMS:
        yield struct.pack(_FORMS[kind], value), False
    elif isinstance(value, UUID):
        yield value.bytes_le, False
    else:
        raw = value if isinstance(value, bytes) else _encoded(kind, str(value))
        yield struct.pack("<I", len(raw)), False
        yield raw, True


def _encoded(kind: int, text: str) -> bytes:
    if kind in (_UNICODE, t.STRING):
        return _wide(text)
    page = kind & 0x7FFF if kind & t.CODE_PAGE else 1252
    return text.encode("utf-8" if page == 65001 else f"cp{page}") + b"\0"
