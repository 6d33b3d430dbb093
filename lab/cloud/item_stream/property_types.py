"""Values of properties as FastTransfer spells them (MS-OXCFXICS 2.2.4.1, MS-OXCDATA 2.11.1)."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from lab.cloud.item_stream.cursor import Cursor, text_of
from lab.cloud.item_stream.refusal import Fault

INT16, INT32, FLOAT32, FLOAT64, CURRENCY, APP_TIME = 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007
BOOLEAN, OBJECT, INT64, STRING8, STRING, TIME, GUID = 0x000B, 0x000D, 0x0014, 0x001E, 0x001F, 0x0040, 0x0048
SERVER_ID, BINARY = 0x00FB, 0x0102
MULTIPLE, CODE_PAGE = 0x1000, 0x8000
_FIXED = {INT16: "<h", INT32: "<i", FLOAT32: "<f", FLOAT64: "<d", CURRENCY: "<q", APP_TIME: "<d", INT64: "<q"}
_MULTIPLE = {INT16, INT32, FLOAT32, FLOAT64, CURRENCY, APP_TIME, INT64, STRING8, STRING, TIME, GUID, BINARY}
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
LAST_TIME = 2650467743999999999  # 9999-12-31T23:59:59.9999999, in 100 ns since 1601
_MOST_VALUES = 100_000

Single = int | float | bool | str | bytes | UUID
Value = Single | tuple[Single, ...]


def ticks_of(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 10


def time_of(ticks: int) -> datetime:
    """The moment of a PtypTime, which counts 100 ns since 1601."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


def kind_of(kind: int) -> int:
    """The type without its spelling: a string's code page is no matter."""
    if kind & CODE_PAGE or kind == STRING8:
        return STRING
    return MULTIPLE | STRING if kind == MULTIPLE | STRING8 else kind


def read_value(cursor: Cursor, kind: int, wanted: str) -> Value:
    """The value of a property; `kind` stood before it. StreamRefused."""
    if kind & CODE_PAGE:
        return _text(cursor, _codec(cursor, kind & 0x7FFF), wanted)
    if kind & MULTIPLE and kind & 0x0FFF in _MULTIPLE:
        at, count = cursor.at, cursor.u32(f"the number of values of {wanted}")
        if count > min(cursor.left, _MOST_VALUES):
            cursor.refuse(Fault.BAD_LENGTH, f"as many values of {wanted} as there are bytes", str(count), at)
        return tuple(_single(cursor, kind & 0x0FFF, wanted) for _ in range(count))
    return _single(cursor, kind, wanted)


def _single(cursor: Cursor, kind: int, wanted: str) -> Single:
    if kind in _FIXED:
        number: int | float = struct.unpack(_FIXED[kind], cursor.take(struct.calcsize(_FIXED[kind]), wanted))[0]
        return number
    if kind in _READERS:
        return _READERS[kind](cursor, wanted)
    return cursor.refuse(Fault.UNKNOWN_TYPE, f"{wanted} of a type that a stream carries", f"0x{kind:04X}")


def _boolean(cursor: Cursor, wanted: str) -> bool:
    at, number = cursor.at, cursor.u16(wanted)
    if number > 1:
        cursor.refuse(Fault.BAD_VALUE, f"{wanted}: 0 or 1 in two bytes", str(number), at)
    return number == 1


def _time(cursor: Cursor, wanted: str) -> int:
    at, ticks = cursor.at, cursor.u64(wanted)
    if ticks > LAST_TIME:
        cursor.refuse(Fault.BAD_VALUE, f"{wanted}: a time from 1601 to 9999", f"0x{ticks:X}", at)
    return ticks


def _guid(cursor: Cursor, wanted: str) -> UUID:
    return cursor.guid(wanted)


def _bytes(cursor: Cursor, wanted: str) -> bytes:
    """Zero bytes are a value: so do servers send keys that they do not have (openspecification blog, 2015-09-16)."""
    return cursor.take(_length(cursor, wanted), wanted, whole=False)


def _length(cursor: Cursor, wanted: str) -> int:
    at, length = cursor.at, cursor.u32(f"the length of {wanted}")
    if length > cursor.left:
        cursor.refuse(Fault.BAD_LENGTH, f"{wanted}, at most {cursor.left} bytes", f"a length of {length}", at)
    return length


def _text(cursor: Cursor, codec: str, wanted: str) -> str:
    at, length = cursor.at, _length(cursor, wanted)
    null = 2 if codec == "utf-16-le" else 1
    if length < null or length % null:
        cursor.refuse(Fault.BAD_LENGTH, f"{wanted}: whole letters and a null", f"a length of {length}", at)
    start, raw = cursor.at, cursor.take(length, wanted, whole=False)
    if raw[-null:] != bytes(null):
        cursor.refuse(Fault.BAD_STRING, f"{wanted} with a null at its end", raw[-4:].hex(), start)
    return text_of(raw[:-null], codec, wanted, cursor, start)


def codec_name(page: int) -> str:
    """Python's name of a code page; "" it has none."""
    known = {1200: "utf-16-le", 65001: "utf-8", 20127: "ascii", 28591: "latin-1", 50220: "iso2022_jp"}
    known |= {28592 + number: f"iso8859_{number + 2}" for number in range(14)}
    if page in known:
        return known[page]
    try:
        return codecs.lookup(f"cp{page}").name
    except LookupError:
        return ""


def _codec(cursor: Cursor, page: int) -> str:
    """The code page of a string (MS-OXCFXICS 2.2.4.1.1.1)."""
    if name := codec_name(page):
        return name
    return cursor.refuse(Fault.UNKNOWN_TYPE, "a string in a code page", f"code page {page}", cursor.at - 4)


_READERS: dict[int, Callable[[Cursor, str], Single]] = {
    BOOLEAN: _boolean,
    TIME: _time,
    GUID: _guid,
    BINARY: _bytes,
    OBJECT: _bytes,
    SERVER_ID: _bytes,
    STRING: lambda cursor, wanted: _text(cursor, "utf-16-le", wanted),
    STRING8: lambda cursor, wanted: _text(cursor, "cp1252", wanted),
}
