"""NDR encoding of the address book calls (MS-OXNSPI): NspiBind, and the name check ("Check Name" in Outlook)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

BIND, UNBIND, RESOLVE_NAMES_W = 0, 1, 20  # operation numbers, MS-OXNSPI 3.1.4.1
DISPLAY_NAME, LEGACY_DN, SMTP_ADDRESS = 0x3001001F, 0x3003001F, 0x39FE001F
_UNRESOLVED, _AMBIGUOUS = 0, 1  # MS-OXNSPI 2.2.1.9
_STAT = struct.pack("<IIIiIIIII", 0, 0, 0, 0, 0, 0, 1252, 0x409, 0x409)  # the global address list, code page 1252
ERRORS = {
    0x80040111: "the log-on failed (MAPI_E_LOGON_FAILED)",
    0x80040107: "the parameter is invalid",
    0x80070005: "access is denied",
    0x8004010F: "the object is not found",
    0x80004005: "a general failure",
}


class Malformed(ValueError):
    """The response is not valid NDR."""


@dataclass(frozen=True)
class Resolved:
    """Result of a name check. outcome: "one", "none" or "several". properties: of the one entry, by tag."""

    outcome: str
    properties: dict[int, str]


def bind_request() -> bytes:
    return struct.pack("<I", 0) + _STAT + struct.pack("<I", 0x20000) + b"\0" * 16


def read_bind(stub: bytes) -> tuple[bytes, int]:
    """(context handle, error code; 0: none)."""
    reader = _Reader(stub)
    if reader.number():
        reader.take(16)
    return reader.take(20), reader.number()


def resolve_request(handle: bytes, name: str) -> bytes:
    tags = (DISPLAY_NAME, LEGACY_DN, SMTP_ADDRESS)
    text = (name + "\0").encode("utf-16-le")
    wide = struct.pack("<III", len(text) // 2, 0, len(text) // 2) + text + b"\0" * (-len(text) % 4)
    columns = struct.pack("<IIIII", 0x20004, len(tags) + 1, len(tags), 0, len(tags)) + struct.pack("<3I", *tags)
    return handle + struct.pack("<I", 0) + _STAT + columns + struct.pack("<III", 1, 1, 0x20008) + wide


def read_resolved(stub: bytes) -> tuple[Resolved, int]:
    """(result, error code; 0: none)."""
    reader, ids = _Reader(stub), list[int]()
    if reader.number():
        reader.number()
        count = reader.number()
        reader.take(8)
        ids = [reader.number() for _ in range(min(count, 1000))]
    rows = _rows(reader) if reader.number() else []
    error = reader.number()
    first = ids[0] if ids else _UNRESOLVED
    outcome = "none" if first == _UNRESOLVED else "several" if first == _AMBIGUOUS else "one"
    return Resolved(outcome, rows[0] if rows else {}), error


def unbind_request(handle: bytes) -> bytes:
    return handle + struct.pack("<I", 0)


def error_named(code: int) -> str:
    return ERRORS.get(code, f"error {code:#010x}")


def _rows(reader: _Reader) -> list[dict[int, str]]:
    """Rows of a PropertyRowSet_r (MS-OXNSPI 2.3.6); only strings are kept."""
    reader.number()
    count = reader.number()
    if count > 1000:
        raise Malformed(f"{count} rows")
    pointers = [struct.unpack("<III", reader.take(12))[2] for _ in range(count)]
    return [_values(reader) if pointer else {} for pointer in pointers]


def _values(reader: _Reader) -> dict[int, str]:
    properties: dict[int, str] = {}
    heads = []
    for _ in range(reader.number()):
        tag, _reserved, kind = struct.unpack("<III", reader.take(12))
        if kind not in (0x1F, 0x1E, 0x3, 0xA, 0x1, 0xB):
            raise Malformed(f"a property of type {kind:#06x} was not asked for")
        heads.append((tag, kind, reader.number()))
    for tag, kind, pointer in heads:
        if kind in (0x1F, 0x1E) and pointer:
            properties[tag] = reader.text(wide=kind == 0x1F)
    return properties


class _Reader:
    """Reader of little-endian NDR, aligned to four bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise Malformed("the answer ends too soon")
        self._at += count
        return taken

    def number(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def text(self, *, wide: bool) -> str:
        _, _, count = struct.unpack("<III", self.take(12))
        size = count * (2 if wide else 1)
        raw = self.take(size)
        self.take(min(-size % 4, len(self._data) - self._at))
        return raw.decode("utf-16-le" if wide else "cp1252", "replace").rstrip("\0")
