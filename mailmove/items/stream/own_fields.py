"""Fields that people or forms have added to an item: their names and types, out of the item's own definitions.

Source: PidLidPropertyDefinitionStream, "PropertyDefinition stream structure", "FieldDefinition stream structure"
(learn.microsoft.com/office/client-developer/outlook/mapi). Named properties that a program has added without such a
definition cannot be found by EWS, which enumerates nothing.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator

from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.properties import COMMON, PUBLIC_STRINGS, Lid, Name, Property
from mailmove.items.stream.property_types import PropertyType

DEFINITIONS = Property(Lid(COMMON, 0x8540), PropertyType.BINARY, "PidLidPropertyDefinitionStream")
_V1, _V2 = 0x0102, 0x0103
_CUSTOM = 0x1
"""PDO_IS_CUSTOM; without it, a field of Outlook's own is bound to a control."""
_ANSI_TEXTS = 5
"""Name, formula, validation rule and text, error."""
_LONG = 0xFF
_TYPES = {
    2: PropertyType.INTEGER16, 3: PropertyType.INTEGER32, 4: PropertyType.FLOATING32, 5: PropertyType.FLOATING64,
    6: PropertyType.CURRENCY, 7: PropertyType.TIME, 8: PropertyType.STRING, 11: PropertyType.BOOLEAN,
    0x2008: PropertyType.MULTIPLE_STRING,
}  # fmt: skip
"""VARTYPE -> type; formulas and combinations have no value of their own."""


def own_properties(definitions: str) -> tuple[Property, ...]:
    """definitions: the value of DEFINITIONS, in base64 as EWS gives it. ItemUnwritable: it is no such stream."""
    try:
        return tuple(dict.fromkeys(_Reader(base64.b64decode("".join(definitions.split()))).properties()))
    except (binascii.Error, ValueError, struct.error):
        raise unwritable("the definitions of own fields", "a stream that is none", "DefinitionsUnfit") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def properties(self) -> Iterator[Property]:
        version, count = self._take("<HI")
        if version not in (_V1, _V2):
            raise ValueError
        for _ in range(count):
            flags, kind, _, length = self._take("<IHIH")
            name = self._bytes(2 * length).decode("utf-16-le")
            for _ in range(_ANSI_TEXTS):
                self._ansi()
            if version == _V2:
                self._take("<I")
                while size := self._take("<I")[0]:
                    self._bytes(size)
            if flags & _CUSTOM and name and kind in _TYPES:
                yield Property(Name(PUBLIC_STRINGS, name), _TYPES[kind])

    def _ansi(self) -> None:
        (length,) = self._take("<B")
        self._bytes(self._take("<H")[0] if length == _LONG else length)

    def _take(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _bytes(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise ValueError
        self._at += count
        return piece
