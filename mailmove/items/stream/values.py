"""Values of properties as the stream holds them (MS-OXCDATA 2.11.1, MS-OXCFXICS 2.2.4.1).

INTEGER*, ERROR_CODE        int                 BOOLEAN                 bool
FLOATING*, FLOATING_TIME    float               TIME                    datetime with a time zone
CURRENCY                    Decimal             GUID                    UUID
STRING, STRING8             str without a null  BINARY, OBJECT, SERVER_ID   bytes
MULTIPLE_*                  a list or tuple of these
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias
from uuid import UUID

from mailmove.errors import ItemUnwritable
from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.properties import Property
from mailmove.items.stream.property_types import PropertyType

Single: TypeAlias = int | float | bool | str | bytes | datetime | Decimal | UUID
Value: TypeAlias = Single | Sequence[Single]

EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
"""Zero of a FILETIME."""
_TICKS = 10
"""Of 100 ns, in a microsecond."""
_WHOLE = {
    PropertyType.INTEGER16: ("<h", -(2**15), 2**15),
    PropertyType.INTEGER32: ("<i", -(2**31), 2**31),
    PropertyType.INTEGER64: ("<q", -(2**63), 2**63),
    PropertyType.ERROR_CODE: ("<I", 0, 2**32),
}
"""Type -> format, least value, first value that is too much."""
_BROKEN = {PropertyType.FLOATING32: "<f", PropertyType.FLOATING64: "<d", PropertyType.FLOATING_TIME: "<d"}
_DIGITS = 15
"""Before the point of a CURRENCY, less one."""
VARIABLE = frozenset(
    {PropertyType.STRING, PropertyType.STRING8, PropertyType.BINARY, PropertyType.OBJECT, PropertyType.SERVER_ID}
)
"""Types that have their length before the value."""
LONGEST = 2**31 - 1
"""Bytes that a length can count; MS-OXCFXICS reads it as a signed number."""


def single_value(owner: Property, kind: PropertyType, value: object) -> bytes:
    """The value's bytes without its length. kind: no MULTIPLE type. ItemUnwritable: the type does not hold it."""
    try:
        encoded = _WRITERS[kind](kind, value)
    except (_Unfit, struct.error, OverflowError, UnicodeError, InvalidOperation) as error:
        reason = str(error) if isinstance(error, _Unfit) else type(error).__name__
        raise _fault(owner, kind, reason) from None
    if len(encoded) > LONGEST:
        raise _fault(owner, kind, f"{len(encoded)} bytes")
    return encoded


def several_values(owner: Property, value: object) -> list[bytes]:
    """Of a MULTIPLE type: the bytes of each, without lengths."""
    if not isinstance(value, list | tuple):
        raise _fault(owner, owner.type, f"a single {type(value).__name__}")
    return [single_value(owner, owner.type.single, each) for each in value]


class _Unfit(Exception):
    """For within this module."""


def _fault(owner: Property, kind: PropertyType, reason: str) -> ItemUnwritable:
    return unwritable(f"a value of type {kind.name} for {owner}", reason, "ValueUnfit")


def _whole(kind: PropertyType, value: object) -> bytes:
    form, least, beyond = _WHOLE[kind]
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unfit(f"a {type(value).__name__}")
    if not least <= value < beyond:
        raise _Unfit("a number out of its range")
    return struct.pack(form, value)


def _broken(kind: PropertyType, value: object) -> bytes:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Unfit(f"a {type(value).__name__}")
    if not math.isfinite(value):
        raise _Unfit("a number that is not finite")
    return struct.pack(_BROKEN[kind], value)


def _currency(_: PropertyType, value: object) -> bytes:
    """Ten-thousandths, in 64 bits."""
    if not isinstance(value, Decimal):
        raise _Unfit(f"a {type(value).__name__}")
    if not value.is_finite():
        raise _Unfit("an amount that is not finite")
    if value.adjusted() > _DIGITS:
        raise _Unfit("a number out of its range")
    scaled = value.scaleb(4)
    if scaled != scaled.to_integral_value():
        raise _Unfit("an amount with more than four digits behind the point")
    return _whole(PropertyType.INTEGER64, int(scaled))


def _boolean(_: PropertyType, value: object) -> bytes:
    """Two bytes in this stream (MS-OXCFXICS 2.2.4.1.3), one elsewhere."""
    if not isinstance(value, bool):
        raise _Unfit(f"a {type(value).__name__}")
    return struct.pack("<H", value)


def ticks(moment: datetime) -> int:
    """FILETIME: 100 ns since 1601 in UTC. moment: with a time zone."""
    elapsed = moment.astimezone(UTC) - EPOCH
    return (elapsed // timedelta(microseconds=1)) * _TICKS


def _time(_: PropertyType, value: object) -> bytes:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _Unfit("a moment without a time zone" if isinstance(value, datetime) else f"a {type(value).__name__}")
    count = ticks(value)
    if count < 0:
        raise _Unfit("a moment before 1601")
    return struct.pack("<Q", count)


def _guid(_: PropertyType, value: object) -> bytes:
    if not isinstance(value, UUID):
        raise _Unfit(f"a {type(value).__name__}")
    return value.bytes_le


def _string(_: PropertyType, value: object) -> bytes:
    return f"{_text(value)}\0".encode("utf-16-le")


def _string8(_: PropertyType, value: object) -> bytes:
    """In ASCII: nothing says the code page of a STRING8, so no other letter means the same everywhere."""
    return f"{_text(value)}\0".encode("ascii")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit(f"a {type(value).__name__}")
    if "\0" in value:
        raise _Unfit("a text with a null in it, at which Exchange would cut it off")
    return value


def _bytes(_: PropertyType, value: object) -> bytes:
    if not isinstance(value, bytes):
        raise _Unfit(f"a {type(value).__name__}")
    return value


_WRITERS: dict[PropertyType, Callable[[PropertyType, object], bytes]] = {
    **dict.fromkeys(_WHOLE, _whole),
    **dict.fromkeys(_BROKEN, _broken),
    PropertyType.CURRENCY: _currency,
    PropertyType.BOOLEAN: _boolean,
    PropertyType.TIME: _time,
    PropertyType.GUID: _guid,
    PropertyType.STRING: _string,
    PropertyType.STRING8: _string8,
    PropertyType.BINARY: _bytes,
    PropertyType.OBJECT: _bytes,
    PropertyType.SERVER_ID: _bytes,
}
