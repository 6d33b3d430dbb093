"""A reader of streams for these tests, from MS-OXCFXICS 2.2.4 alone: a tree of elements, or AssertionError."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

FIXED = {2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 2, 0x14: 8, 0x40: 8, 0x48: 16}
VARIABLE = {0x0D, 0x1E, 0x1F, 0xFB, 0x102}
MARKERS = {
    0x40030003: "StartRecip", 0x40040003: "EndToRecip", 0x40000003: "NewAttach", 0x400E0003: "EndAttach",
    0x40010003: "StartEmbed", 0x40020003: "EndEmbed",
}  # fmt: skip


@dataclass
class Message:
    properties: dict[Any, Any] = field(default_factory=dict)
    recipients: list[dict[Any, Any]] = field(default_factory=list)
    attachments: list[tuple[dict[Any, Any], Message | None]] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)


def envelope(data: bytes) -> list[tuple[int, bytes]]:
    entries, offset = [], 0
    while offset < len(data):
        opcode, length = struct.unpack_from("<II", data, offset)
        assert offset + 8 + length <= len(data), "an entry that is cut off"
        entries.append((opcode, data[offset + 8 : offset + 8 + length]))
        offset += 8 + length
    return entries


def read(data: bytes) -> Message:
    """Of an item in its envelope."""
    entries = envelope(data)
    assert [opcode for opcode, _ in entries[:3]] == [1, 3, 4] and {opcode for opcode, _ in entries[3:]} == {2}
    return read_transfer(b"".join(piece for _, piece in entries[3:]))


def read_transfer(stream: bytes) -> Message:
    reader = _Reader(stream)
    message = reader.content()
    assert reader.at == len(stream), f"left over: {stream[reader.at :][:20].hex()}"
    return message


class _Reader:
    def __init__(self, stream: bytes) -> None:
        self.stream, self.at, self.names = stream, 0, {}

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.stream), "cut off"
        self.at += count
        return self.stream[self.at - count : self.at]

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def marker(self) -> str | None:
        if self.at == len(self.stream):
            return None
        return MARKERS.get(struct.unpack_from("<I", self.stream, self.at)[0])

    def expect(self, name: str) -> None:
        assert self.marker() == name, (self.marker(), name)
        self.at += 4

    def properties(self, message: Message | None = None, until_deletion: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while self.at < len(self.stream) and self.marker() is None:
            if until_deletion and self.stream[self.at : self.at + 4] == bytes.fromhex("03001640"):
                break
            key, value = self.element()
            assert key not in found, f"{key} twice"
            found[key] = value
        return found

    def content(self) -> Message:
        message = Message(self.properties(until_deletion=True))
        message.deleted.append(self.deletion())
        while self.marker() == "StartRecip":
            self.expect("StartRecip")
            message.recipients.append(self.properties())
            self.expect("EndToRecip")
        message.deleted.append(self.deletion())
        while self.marker() == "NewAttach":
            self.expect("NewAttach")
            assert self.stream[self.at : self.at + 4] == bytes.fromhex("0300210e"), "PidTagAttachNumber stands first"
            properties, embedded = self.properties(), None
            if self.marker() == "StartEmbed":
                self.expect("StartEmbed")
                embedded = self.content()
                self.expect("EndEmbed")
            self.expect("EndAttach")
            message.attachments.append((properties, embedded))
        return message

    def deletion(self) -> int:
        assert self.take(4) == bytes.fromhex("03001640")
        return self.number("<I")

    def element(self) -> tuple[Any, Any]:
        kind, number = self.number("<H"), self.number("<H")
        kind = 0x1F if kind == 0x84B0 else kind  # code page 1200
        key: Any = number
        if number >= 0x8000:
            place = UUID(bytes_le=self.take(16))
            how = self.number("<B")
            key = (place, self.number("<I") if how == 0 else self.text())
            assert how in (0, 1) and self.names.setdefault(number, key) == key, "one id, two names"
        if kind & 0x1000:
            count = self.number("<I")
            return (key, kind), [self.value(kind & ~0x1000) for _ in range(count)]
        return (key, kind), self.value(kind)

    def text(self) -> str:
        letters = bytearray()
        while (pair := self.take(2)) != b"\0\0":
            letters += pair
        return letters.decode("utf-16-le")

    def value(self, kind: int) -> bytes:
        assert kind in FIXED or kind in VARIABLE, f"type {kind:04x}"
        if kind in FIXED:
            return self.take(FIXED[kind])
        value = self.take(self.number("<I"))
        if kind == 0x1F:
            assert value[-2:] == b"\0\0" and len(value) % 2 == 0
        return value
