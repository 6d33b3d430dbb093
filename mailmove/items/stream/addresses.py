"""Entry ids and search keys of addresses (MS-OXCDATA 2.2.5.1 one-off, 2.2.5.2 address book; MS-OXOABK 2.2.3.5)."""

from __future__ import annotations

import struct

from mailmove.items.stream.faults import unwritable

_ONE_OFF = bytes.fromhex("812b1fa4bea310199d6e00dd010f5402")
_ADDRESS_BOOK = bytes.fromhex("dca740c8c042101ab4b908002b2fe182")
_UNICODE_WITHOUT_TNEF = 0x9001
"""Unicode; MIME; no rich text to this address."""


def entry_id(name: str, routing: str, address: str) -> bytes:
    """routing: 'SMTP', or 'EX' with the address as a legacy distinguished name."""
    try:
        if routing.upper() == "EX":
            return bytes(4) + _ADDRESS_BOOK + struct.pack("<II", 1, 0) + _ended(address).encode("ascii")
        texts = "".join(_ended(text) for text in (name, routing, address)).encode("utf-16-le")
    except UnicodeError:
        raise unwritable("an address", "letters that an address does not have", "AddressUnfit") from None
    return bytes(4) + _ONE_OFF + struct.pack("<HH", 0, _UNICODE_WITHOUT_TNEF) + texts


def search_key(routing: str, address: str) -> bytes:
    try:
        return _ended(f"{routing}:{address}".upper()).encode("utf-8")
    except UnicodeError:
        raise unwritable("an address", "half a character", "AddressUnfit") from None


def _ended(text: str) -> str:
    if "\0" in text:
        raise unwritable("an address", "one with a null in it", "AddressUnfit")
    return f"{text}\0"
