"""PidTagRtfCompressed (MS-OXRTFCP)."""

from __future__ import annotations

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.refusal import Fault

_COMPRESSED, _UNCOMPRESSED = b"LZFu", b"MELA"
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_RING = 4096


def _crc_table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0xEDB88320 if number & 1 else 0)
        table.append(number)
    return table


_CRC = _crc_table()


def crc(data: bytes) -> int:
    """2.1.3.1.2: CRC-32's polynomial, from 0 and not inverted at the end."""
    value = 0
    for byte in data:
        value = _CRC[(value ^ byte) & 0xFF] ^ value >> 8
    return value


def read_rtf(blob: bytes) -> bytes:
    """The RTF. StreamRefused, its offset within the blob."""
    cursor = Cursor(blob)
    at, size = cursor.at, cursor.u32("COMPSIZE")
    if size != cursor.left:
        cursor.refuse(Fault.BAD_LENGTH, f"COMPSIZE {cursor.left}", str(size), at)
    raw_at, raw_size = cursor.at, cursor.u32("RAWSIZE")
    at, form = cursor.at, cursor.take(4, "COMPTYPE")
    crc_at, checksum = cursor.at, cursor.u32("CRC")
    if form == _UNCOMPRESSED:
        if checksum:
            cursor.refuse(Fault.BAD_VALUE, "CRC 0 of uncompressed RTF", f"0x{checksum:08X}", crc_at)
        rtf = cursor.take(cursor.left, "RTF")
    elif form == _COMPRESSED:
        computed = crc(cursor.peek(cursor.left))
        if checksum != computed:
            cursor.refuse(Fault.BAD_VALUE, f"CRC 0x{computed:08X}", f"0x{checksum:08X}", crc_at)
        rtf = _expanded(cursor)
    else:
        cursor.refuse(Fault.BAD_VALUE, "COMPTYPE LZFu or MELA", form.hex(), at)
    if len(rtf) != raw_size:
        cursor.refuse(Fault.BAD_LENGTH, f"RAWSIZE {len(rtf)}", str(raw_size), raw_at)
    return rtf


def _expanded(cursor: Cursor) -> bytes:
    ring = bytearray(_DICTIONARY.ljust(_RING, b" "))
    write, out = len(_DICTIONARY), bytearray()
    while cursor.left:
        control = cursor.u8("a CONTROL byte")
        for bit in range(8):
            offset, length = 0, 0
            if control >> bit & 1:
                reference = int.from_bytes(cursor.take(2, "a REFERENCE"), "big")
                offset, length = reference >> 4, (reference & 0xF) + 2
                if offset == write:
                    return bytes(out)  # what may follow is padding
            # A reference may run into what it writes itself.
            for number in range(length or 1):
                byte = ring[(offset + number) % _RING] if length else cursor.u8("a LITERAL")
                ring[write] = byte
                write = (write + 1) % _RING
                out.append(byte)
    return cursor.refuse(Fault.CUT_SHORT, "the REFERENCE that ends compressed RTF", "the end of the data")
