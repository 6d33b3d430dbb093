"""The three e-mail addresses of a contact, and flat lists of entry ids (MS-OXOCNTC 2.2.1.2, MS-OXCDATA 2.3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.entry_ids import BookEntry, ContactEntry, OneOff, read_entry
from lab.cloud.item_stream.named_properties import ADDRESS, Name
from lab.cloud.item_stream.refusal import Fault, StreamRefused
from lab.cloud.item_stream.stored import Properties

_BLOCKS = (0x8080, 0x8090, 0x80A0)
_TYPE, _ADDRESS, _ORIGINAL, _ENTRY = 2, 3, 4, 5
_LIST, _BITS = Name(ADDRESS, 0x8028), Name(ADDRESS, 0x8029)
_FAXES = 0x38  # bits 3 to 5


@dataclass(frozen=True)
class EmailBlock:
    number: int  # 1 to 3
    name: str
    type: str
    address: str
    entry: OneOff | BookEntry | ContactEntry | None


def read_email_blocks(properties: Properties) -> list[EmailBlock]:
    """Addresses of a contact. StreamRefused: a block is not whole, or the lists say others than the blocks."""
    blocks = []
    for number, base in enumerate(_BLOCKS, 1):
        kept = {part: properties.get(Name(ADDRESS, base + part)) for part in range(6)}
        if not any(kept.values()):
            continue
        for part, name in ((_TYPE, "AddressType"), (_ADDRESS, "EmailAddress")):
            if kept[part] is None:
                raise StreamRefused(Fault.MISSING, 0, f"PidLidEmail{number}{name}", "a block without")
        address = properties.text(Name(ADDRESS, base + _ADDRESS))
        entry, blob = None, kept[_ENTRY]
        if blob is not None and isinstance(blob.value, bytes):
            where = f"PidLidEmail{number}OriginalEntryId"
            try:
                entry = read_entry(blob.value)
            except StreamRefused as refused:
                raise refused.inside(where, blob.offset) from None
            if isinstance(entry, OneOff) and entry.address.lower() != address.lower():
                raise StreamRefused(Fault.BAD_VALUE, blob.offset, f"{address} in its entry id", entry.address, where)
        kind = properties.text(Name(ADDRESS, base + _TYPE))
        blocks.append(EmailBlock(number, properties.text(Name(ADDRESS, base)), kind, address, entry))
    _lists(properties, [block.number - 1 for block in blocks])
    return blocks


def _lists(properties: Properties, numbers: list[int]) -> None:
    """PidLidAddressBookProviderEmailList and -ArrayType: which addresses there are (2.2.1.2.11, 2.2.1.2.12)."""
    bits, values = properties.get(_BITS), properties.get(_LIST)
    if bits is not None and isinstance(bits.value, int):
        wanted = sum(1 << number for number in numbers)
        if bits.value & ~_FAXES != wanted:
            raise StreamRefused(Fault.BAD_VALUE, bits.offset, f"{_BITS}: {wanted}, and bits of faxes", str(bits.value))
    if values is not None and isinstance(values.value, tuple):
        emails = sorted(value for value in values.value if isinstance(value, int) and value < 3)
        if emails != numbers:
            raise StreamRefused(Fault.BAD_VALUE, values.offset, f"{_LIST}: {numbers}, and faxes", str(values.value))


def read_flat_entries(blob: bytes) -> list[OneOff | BookEntry | ContactEntry]:
    """A FlatEntryList: PidTagReplyRecipientEntries."""
    cursor = Cursor(blob)
    count = cursor.u32("Count of a FlatEntryList")
    at, size = cursor.at, cursor.u32("Size of a FlatEntryList")
    if size != cursor.left:
        cursor.refuse(Fault.BAD_LENGTH, f"Size {cursor.left}", str(size), at)
    entries = []
    for number in range(count):
        length = cursor.u32("Size of a FlatEntry")
        at = cursor.at
        entry = cursor.take(length, "EntryID of a FlatEntry")
        if number < count - 1 or cursor.left:
            cursor.zeros(-length % 4, "the padding of a FlatEntry")
        try:
            entries.append(read_entry(entry))
        except StreamRefused as refused:
            raise refused.inside("EntryID of a FlatEntry", at) from None
    cursor.end("a FlatEntryList")
    return entries
