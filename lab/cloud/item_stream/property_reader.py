"""Reads lists of properties in a stream: tags, names, and values of the right type."""

from __future__ import annotations

from lab.cloud.item_stream import named_properties as named
from lab.cloud.item_stream import tags
from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.named_properties import Name
from lab.cloud.item_stream.property_types import BINARY, OBJECT, STRING, kind_of, read_value
from lab.cloud.item_stream.refusal import Fault
from lab.cloud.item_stream.stored import Key, Properties, Property, shown

_LONGEST_NAME = 254  # bytes with the null: MS-OXCDATA 2.6.1 counts them in one byte
_STOPS = {*tags.MARKERS, tags.DEL_PROP}


class PropertyReader:
    """Remembers which name stands for which id: in one stream it is always the same."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._names: dict[int, Name] = {}
        self._ids: dict[Name, int] = {}

    def dn_prefix(self) -> str:
        """MetaTagDnPrefix (2.2.4.1.5), which may stand first: what X500 addresses begin with."""
        cursor = self._cursor
        kind, number = int.from_bytes(cursor.peek(2), "little"), int.from_bytes(cursor.peek(4)[2:], "little")
        if number != tags.DN_PREFIX:
            return ""
        if kind_of(kind) != STRING or kind == STRING:
            cursor.refuse(Fault.WRONG_TYPE, "MetaTagDnPrefix as a string of 8 bits", f"0x{kind:04X}")
        cursor.take(4, "MetaTagDnPrefix")
        return str(read_value(cursor, kind, "MetaTagDnPrefix"))

    def list(self, part: str, *, embedded: bool = False) -> Properties:
        """Properties up to the next marker, MetaTagFXDelProp or the end. part: message, recipient, attachment."""
        properties, cursor = Properties(), self._cursor
        while cursor.left and int.from_bytes(cursor.peek(4), "little") not in _STOPS:
            at = cursor.at
            kind, key = self._definition()
            first = embedded and not properties and key == tags.MID
            self._allowed(key, part, at, first=first)
            if key in properties:
                cursor.refuse(Fault.TWICE, f"{shown(key)} once in a list", "it again", at)
            self._typed(key, kind, part, at)
            value = read_value(cursor, kind, shown(key))
            start = cursor.at - len(value) if isinstance(value, bytes) else at
            properties[key] = Property(kind, value, cursor.place(start))
        return properties

    def _definition(self) -> tuple[int, Key]:
        """propType propInfo: an atom, which no buffer cuts."""
        cursor, at = self._cursor, self._cursor.at
        tag = cursor.take(4, "a property's type and id")
        kind, number = int.from_bytes(tag[:2], "little"), int.from_bytes(tag[2:], "little")
        if number < 0x8000:
            if not number:
                cursor.refuse(Fault.BAD_NAME, "a property's id", "0", at)
            return kind, number
        if number == 0xFFFF:
            cursor.refuse(Fault.BAD_NAME, "the id of a named property, up to 0xFFFE", "0xFFFF", at)
        name = self._name()
        cursor.one_piece(at, f"the type and name of {name}")
        if self._names.setdefault(number, name) != name:
            cursor.refuse(Fault.BAD_NAME, f"0x{number:04X} to stand for {self._names[number]}", str(name), at)
        if self._ids.setdefault(name, number) != number:
            cursor.refuse(Fault.BAD_NAME, f"{name} to have the id 0x{self._ids[name]:04X}", f"0x{number:04X}", at)
        return kind, name

    def _name(self) -> Name:
        cursor, at = self._cursor, self._cursor.at
        place = cursor.guid("the set of a named property")
        if not place.int or place == named.PS_MAPI:
            cursor.refuse(Fault.BAD_NAME, "a set that has named properties", str(place), at)
        at, kind = cursor.at, cursor.u8("the kind of a named property")
        if kind == 0:
            return Name(place, cursor.u32("the LID of a named property"))
        if kind != 1:
            cursor.refuse(Fault.BAD_NAME, "0 (a LID) or 1 (a string)", str(kind), at)
        at, text = cursor.at, cursor.utf16_to_null("the name of a named property", most=_LONGEST_NAME)
        if not text:
            cursor.refuse(Fault.BAD_NAME, "the name of a named property", "an empty one", at)
        return Name(place, text)

    def _allowed(self, key: Key, part: str, at: int, *, first: bool) -> None:
        cursor = self._cursor
        if isinstance(key, Name) or first:
            return
        if key in tags.META or key == 0x4018:
            cursor.refuse(Fault.WRONG_ORDER, "a property", tags.META.get(key, "FXErrorInfo"), at)
        reason = tags.forbidden(key, part)
        if reason:
            cursor.refuse(Fault.FORBIDDEN, f"no {shown(key)} of a {part}: it {reason}", "it", at)

    def _typed(self, key: Key, kind: int, part: str, at: int) -> None:
        cursor = self._cursor
        if key == tags.ATTACH_DATA:
            right = kind in (BINARY, OBJECT) and part == "attachment"
            wanted = BINARY
        else:
            known = named.KNOWN.get(key) if isinstance(key, Name) else tags.KNOWN.get(key)
            wanted = known[1] if known else kind_of(kind)
            right = kind_of(kind) == wanted and kind != OBJECT
        if not right:
            cursor.refuse(Fault.WRONG_TYPE, f"{shown(key)} of type 0x{wanted:04X}", f"0x{kind:04X}", at)
