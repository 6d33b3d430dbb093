"""Entry ids that items carry: one-off ids and those of an address book (MS-OXCDATA 2.2.5), and the wrapped ids of the
members of a personal distribution list (MS-OXOCNTC 2.2.2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.refusal import Fault, StreamRefused

ONE_OFF = bytes.fromhex("812B1FA4BEA310199D6E00DD010F5402")
ADDRESS_BOOK = bytes.fromhex("DCA740C8C042101AB4B908002B2FE182")
WRAPPED = bytes.fromhex("C091ADD3519DCF11A4A900AA0047FAA4")
CONTACT = bytes.fromhex("FE42AA0A18C71A10E8850B651C240000")
_MOST_LIST = 15_000  # bytes: MS-OXOCNTC 2.2.2.2.1
_WRAPPED_KINDS = {0x00, 0xB4, 0xB5, 0xB6, *(0x83 | index << 4 for index in range(6))}
"""0x80: no one-off. 0x70: which address of a contact, else 3. 0x0F: one-off, contact, list, user, list of the GAL."""
_UNICODE, _NO_RICH_INFO = 0x8000, 0x0001


@dataclass(frozen=True)
class OneOff:
    name: str
    address_type: str
    address: str
    rich: bool


@dataclass(frozen=True)
class BookEntry:
    """Of an address book: an X500 DN. kind: 0 a user, 1 a list, ... (MS-OXCDATA 2.2.5.2)."""

    kind: int
    dn: str


@dataclass(frozen=True)
class ContactEntry:
    """Of a contact's address (index 0 to 2 e-mail, 3 to 5 fax) or of a personal list (0xFF); inner: its entry id."""

    index: int
    inner: bytes


@dataclass(frozen=True)
class Wrapped:
    """kind: 0 one-off, 3 contact, 4 personal list, 5 user of the GAL, 6 list of the GAL. email: 0 to 5, which of the
    contact's addresses. inner: bytes of the entry id; `entry` where it is of an address book or a one-off."""

    kind: int
    email: int
    inner: bytes
    entry: OneOff | BookEntry | None


def read_one_off(blob: bytes) -> OneOff:
    """MS-OXCDATA 2.2.5.1."""
    cursor = Cursor(blob)
    cursor.zeros(4, "Flags of an entry id")
    cursor.expect(ONE_OFF, "ProviderUID of a one-off entry id")
    cursor.zeros(2, "Version of a one-off entry id")
    flags = cursor.u16("flags of a one-off entry id")
    wide = bool(flags & _UNICODE)
    parts = ("DisplayName", "AddressType", "EmailAddress")
    texts = [cursor.utf16_to_null(part) if wide else cursor.ansi_to_null(part) for part in parts]
    cursor.end("the one-off entry id")
    if not texts[1]:
        cursor.refuse(Fault.MISSING, "AddressType of a one-off entry id", "an empty one")
    return OneOff(texts[0], texts[1], texts[2], not flags & _NO_RICH_INFO)


def read_book_entry(blob: bytes) -> BookEntry:
    """MS-OXCDATA 2.2.5.2."""
    cursor = Cursor(blob)
    cursor.zeros(4, "Flags of an entry id")
    cursor.expect(ADDRESS_BOOK, "ProviderUID of an address book's entry id")
    at, version = cursor.at, cursor.u32("Version of an address book's entry id")
    if version != 1:
        cursor.refuse(Fault.BAD_VALUE, "Version 1", str(version), at)
    at, kind = cursor.at, cursor.u32("Type of an address book's entry id")
    if kind not in (0, 1, 2, 3, 4, 5, 6, 0x100, 0x101, 0x102):
        cursor.refuse(Fault.BAD_VALUE, "a Type of MS-OXCDATA 2.2.5.2", f"0x{kind:X}", at)
    at, dn = cursor.at, cursor.ansi_to_null("X500DN")
    if not dn.startswith("/"):
        cursor.refuse(Fault.BAD_VALUE, "an X500 DN", repr(dn[:40]), at)
    cursor.end("the entry id")
    return BookEntry(kind, dn)


def read_contact_entry(blob: bytes) -> ContactEntry:
    """An address of a contact, or a personal list (MS-OXCDATA 2.2.5.3, 2.2.5.4)."""
    cursor = Cursor(blob)
    cursor.zeros(4, "Flags of an entry id")
    cursor.expect(CONTACT, "ProviderUID of a contact's entry id")
    cursor.expect(b"\x03\0\0\0", "Version of a contact's entry id")
    at, kind = cursor.at, cursor.u32("Type of a contact's entry id")
    if kind not in (4, 5):
        cursor.refuse(Fault.BAD_VALUE, "Type 4 (an address) or 5 (a list)", str(kind), at)
    at, index = cursor.at, cursor.u32("Index of a contact's entry id")
    if index not in (range(6) if kind == 4 else (0xFF,)):
        cursor.refuse(Fault.BAD_VALUE, "Index 0 to 5 of an address, 0xFF of a list", str(index), at)
    at, count = cursor.at, cursor.u32("EntryIdCount")
    if count != cursor.left or not count:
        cursor.refuse(Fault.BAD_LENGTH, f"EntryIdCount {cursor.left}", str(count), at)
    return ContactEntry(index, cursor.take(count, "EntryIdBytes"))


def read_entry(blob: bytes) -> OneOff | BookEntry | ContactEntry:
    """What a sender or a recipient has: a one-off id, one of an address book, or one of a contact."""
    provider = blob[4:20]
    if provider == ADDRESS_BOOK:
        return read_book_entry(blob)
    return read_contact_entry(blob) if provider == CONTACT else read_one_off(blob)


def read_member(blob: bytes) -> OneOff | Wrapped:
    """A value of PidLidDistributionListMembers (MS-OXOCNTC 2.2.2.2.1)."""
    if len(blob) < 20 or blob[4:20] != WRAPPED:
        return read_one_off(blob)
    cursor = Cursor(blob)
    cursor.zeros(4, "Flags of a wrapped entry id")
    cursor.expect(WRAPPED, "ProviderUID of a wrapped entry id")
    at, kind = cursor.at, cursor.u8("Type of a wrapped entry id")
    low, email = kind & 0x0F, kind >> 4 & 0x07
    if kind not in _WRAPPED_KINDS:
        cursor.refuse(Fault.BAD_VALUE, "a Type of MS-OXOCNTC 2.2.2.2.4.1.1", f"0x{kind:02X}", at)
    at, inner = cursor.at, cursor.take(cursor.left, "EmbeddedEntryID")
    entry: OneOff | BookEntry | None = None
    try:
        if low == 0:
            entry = read_one_off(inner)
        elif low in (5, 6):
            entry = read_book_entry(inner)
    except StreamRefused as refused:
        raise refused.inside("EmbeddedEntryID", at) from None
    if not inner:
        cursor.refuse(Fault.CUT_SHORT, "EmbeddedEntryID", "none")
    return Wrapped(low, email, inner, entry)


def read_members(members: Sequence[bytes], one_offs: Sequence[bytes]) -> list[tuple[OneOff | Wrapped, OneOff]]:
    """PidLidDistributionListMembers with PidLidDistributionListOneOffMembers: one for one, in the same order."""
    if len(members) != len(one_offs):
        raise StreamRefused(Fault.MISSING, 0, f"{len(members)} one-off members", str(len(one_offs)))
    for values in (members, one_offs):
        if sum(map(len, values)) >= _MOST_LIST:
            raise StreamRefused(
                Fault.BAD_LENGTH, 0, f"less than {_MOST_LIST} bytes of members", str(sum(map(len, values)))
            )
    return [(read_member(member), read_one_off(one_off)) for member, one_off in zip(members, one_offs, strict=True)]


def read_list_stream(blob: bytes) -> list[tuple[OneOff | Wrapped, OneOff | None]]:
    """PidLidDistributionListStream (MS-OXOCNTC 2.2.2.2.4): each member, with its one-off id where it has one."""
    cursor = Cursor(blob)
    cursor.expect(b"\x01\0", "StreamVersion")
    cursor.take(10, "Reserved, BuildVersion and DistListStreamFlags")
    at, count = cursor.at, cursor.u32("CountOfEntries")
    if count > cursor.left // 12:
        cursor.refuse(Fault.BAD_LENGTH, "as many members as there are bytes", str(count), at)
    sizes_at, sizes = cursor.at, tuple(cursor.u32("the total sizes") for _ in range(3))
    members: list[tuple[OneOff | Wrapped, OneOff | None]] = []
    summed = [0, 0, 0]
    for _ in range(count):
        places, parts = [], []
        for number, name in enumerate(("EntryId", "one-offEntryId", "ExtraMemberInfo")):
            size = cursor.u32(f"{name}Size")
            places.append(cursor.at)
            parts.append(cursor.take(size, f"{name}Data"))
            summed[number] += size
        try:
            members.append((read_member(parts[0]), None))
            places[0] = places[1]
            if parts[1]:
                members[-1] = (members[-1][0], read_one_off(parts[1]))
        except StreamRefused as refused:
            raise refused.inside("a member of the list", places[0]) from None
        if parts[2]:
            cursor.refuse(Fault.BAD_LENGTH, "ExtraMemberInfoSize 0", str(len(parts[2])), places[2])
    if tuple(summed) != sizes:
        cursor.refuse(Fault.BAD_LENGTH, f"total sizes {summed}", str(sizes), sizes_at)
    cursor.zeros(8, "the terminators")
    cursor.end("PidLidDistributionListStream")
    return members
