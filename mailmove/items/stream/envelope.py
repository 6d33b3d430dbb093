"""The envelope of a stream: a row of (opcode, length, data), as in the sample on Microsoft's page of UploadItems.

1 Config               flags 0, transfer method 1 (CopyTo)
3 IsInterfaceOk        IID_IMessage
4 TellPartnerVersion   14.1
2 TransferBuffer       a piece of the stream, as often as it takes
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

CONFIG, TRANSFER_BUFFER, IS_INTERFACE_OK, TELL_PARTNER_VERSION = 1, 2, 3, 4
_MESSAGE_INTERFACE = UUID("00020307-0000-0000-c000-000000000046")
_HEAD = (
    (CONFIG, struct.pack("<II", 0, 1)),
    (IS_INTERFACE_OK, struct.pack("<I", 1) + _MESSAGE_INTERFACE.bytes_le + bytes.fromhex("00240080")),
    (TELL_PARTNER_VERSION, bytes.fromhex("010ea4800000")),
)
"""Opcode and data of what stands before the stream, to the byte as in the sample."""
LARGEST_PIECE = 31_680
"""Bytes in a TransferBuffer: what Exchange's own buffers hold."""


@dataclass(frozen=True, slots=True)
class Atom:
    """Bytes that stand in one buffer together. divisible: they need not, as the value of a variable size (MS-OXCFXICS
    2.2.4.1).
    """

    data: bytes
    divisible: bool = False


def in_envelope(atoms: Iterable[Atom], largest: int = LARGEST_PIECE) -> bytes:
    """largest: bytes in a piece; only an atom that is longer itself makes a longer one."""
    head = (_entry(opcode, data) for opcode, data in _HEAD)
    return b"".join((*head, *(_entry(TRANSFER_BUFFER, piece) for piece in pieces(atoms, largest))))


def pieces(atoms: Iterable[Atom], largest: int) -> Iterator[bytes]:
    """The stream in buffers: divided between two atoms, or inside a divisible one."""
    piece = bytearray()
    for atom in atoms:
        start = 0
        if len(piece) + len(atom.data) > largest:
            if atom.divisible:
                start = max(0, largest - len(piece))
                piece += atom.data[:start]
            if piece:
                yield bytes(piece)
            piece = bytearray()
            while atom.divisible and len(atom.data) - start > largest:
                yield atom.data[start : start + largest]
                start += largest
        piece += atom.data[start:]
    if piece:
        yield bytes(piece)


def _entry(opcode: int, data: bytes) -> bytes:
    return struct.pack("<II", opcode, len(data)) + data
