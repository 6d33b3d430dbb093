"""The envelope of a stream: what a client would have called, one after another, of a mailbox's upload object.

A sequence of (opcode, length, data), as in Microsoft's samples of ExportItems and UploadItems (MS-OXWSBTRF).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.refusal import Fault

CONFIG, TRANSFER_BUFFER, IS_INTERFACE_OK, TELL_PARTNER_VERSION = 1, 2, 3, 4
NAMES = {1: "Config", 2: "TransferBuffer", 3: "IsInterfaceOk", 4: "TellPartnerVersion"}
IID_MESSAGE = UUID("00020307-0000-0000-C000-000000000046")
COPY_TO = 1


@dataclass(frozen=True)
class Envelope:
    """version: major, minor, build, revision of the server that wrote it. pieces: see Cursor."""

    version: tuple[int, int, int, int]
    stream: bytes
    pieces: tuple[tuple[int, int], ...]


def read_envelope(data: bytes) -> Envelope:
    cursor = Cursor(data)
    _config(_call(cursor, CONFIG))
    _interface(_call(cursor, IS_INTERFACE_OK))
    version = _version(_call(cursor, TELL_PARTNER_VERSION))
    parts: list[bytes] = []
    pieces: list[tuple[int, int]] = []
    length = 0
    while cursor.left or not parts:
        part = _call(cursor, TRANSFER_BUFFER)
        if not part.data:
            part.refuse(Fault.BAD_LENGTH, "a buffer with something in it", "an empty one")
        parts.append(part.data)
        pieces.append((length, part.place(0)))
        length += len(part.data)
    return Envelope(version, b"".join(parts), tuple(pieces))


def _call(cursor: Cursor, opcode: int) -> Cursor:
    """The data of the next call, which must be that one."""
    at, seen = cursor.at, cursor.u32("an opcode")
    if seen not in NAMES:
        cursor.refuse(Fault.UNKNOWN_OPCODE, f"opcode {NAMES[opcode]}", str(seen), at)
    if seen != opcode:
        cursor.refuse(Fault.WRONG_ORDER, f"opcode {NAMES[opcode]}", NAMES[seen], at)
    at, length = cursor.at, cursor.u32(f"the length of {NAMES[opcode]}")
    if length > cursor.left:
        cursor.refuse(Fault.CUT_SHORT, f"{length} bytes of {NAMES[opcode]}", f"{cursor.left} bytes", at)
    start = cursor.place()
    return Cursor(cursor.take(length, NAMES[opcode]), ((0, start),))


def _config(call: Cursor) -> None:
    call.zeros(4, "Config's flags")
    at, method = call.at, call.u32("Config's transfer method")
    if method != COPY_TO:
        call.refuse(Fault.BAD_VALUE, "the transfer method CopyTo (1)", str(method), at)
    call.end("Config")


def _interface(call: Cursor) -> None:
    at, method = call.at, call.u32("IsInterfaceOk's transfer method")
    if method != COPY_TO:
        call.refuse(Fault.BAD_VALUE, "the transfer method CopyTo (1)", str(method), at)
    at, interface = call.at, call.guid("IsInterfaceOk's interface")
    if interface != IID_MESSAGE:
        call.refuse(Fault.BAD_VALUE, f"IID_IMessage {IID_MESSAGE}", str(interface), at)
    call.u32("IsInterfaceOk's flags")
    call.end("IsInterfaceOk")


def _version(call: Cursor) -> tuple[int, int, int, int]:
    """Three words, major and minor in the first (01 0E A4 80 00 00: 14.1.164.0; 14 0F D6 91 86 17: 15.20.4566.6022)."""
    at, first = call.at, call.u16("the partner's version")
    build, revision = call.u16("the partner's build"), call.u16("the partner's revision")
    major, minor = first >> 8, first & 0xFF
    if not 6 <= major <= 15:
        call.refuse(Fault.BAD_VALUE, "a major version of Exchange from 6 to 15", str(major), at)
    call.end("TellPartnerVersion")
    return major, minor, build & 0x7FFF, revision
