"""PidLidGlobalObjectId and PidLidCleanGlobalObjectId (MS-OXOCAL 2.2.1.27, 2.2.1.28)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.property_types import LAST_TIME
from lab.cloud.item_stream.refusal import Fault

GLOBAL_OBJECT_ID = bytes.fromhex("040000008200E00074C5B7101A82E008")
VCAL = b"vCal-Uid\x01\x00\x00\x00"


@dataclass(frozen=True)
class GlobalObjectId:
    """occurrence: the day that an exception had in the series. uid: of iCalendar, where it came from elsewhere."""

    occurrence: date | None
    created: int  # 100 ns since 1601
    data: bytes
    uid: str = ""


def read_global_object_id(blob: bytes, *, clean: bool = False) -> GlobalObjectId:
    """clean: a PidLidCleanGlobalObjectId, which names no occurrence."""
    cursor = Cursor(blob)
    cursor.expect(GLOBAL_OBJECT_ID, "Byte Array ID")
    at, high, low = cursor.at, cursor.u8("YH"), cursor.u8("YL")
    year, month, day = high << 8 | low, cursor.u8("M"), cursor.u8("D")
    occurrence = None
    if year or month or day:
        try:
            occurrence = date(year, month, day)
        except ValueError:
            cursor.refuse(Fault.BAD_VALUE, "the day of an occurrence, or zeros", f"{year}-{month}-{day}", at)
        if clean:
            cursor.refuse(Fault.BAD_VALUE, "a clean id, of no occurrence", str(occurrence), at)
    at, created = cursor.at, cursor.u64("Creation Time")
    if created > LAST_TIME:
        cursor.refuse(Fault.BAD_VALUE, "Creation Time", f"0x{created:X}", at)
    cursor.zeros(8, "X of a global object id")
    at, size = cursor.at, cursor.u32("Size")
    if size != cursor.left:
        cursor.refuse(Fault.BAD_LENGTH, f"Size {cursor.left}", str(size), at)
    if not size:
        cursor.refuse(Fault.BAD_LENGTH, "Data of a global object id", "none", at)
    data = cursor.take(size, "Data")
    uid = ""
    if data.startswith(VCAL):
        inner = Cursor(data, ((0, at + 4),))
        inner.take(len(VCAL), "vCal-Uid")
        uid = inner.ansi_to_null("the uid of a vCal-Uid", "utf-8")
        inner.end("a vCal-Uid")
    return GlobalObjectId(occurrence, created, data, uid)
