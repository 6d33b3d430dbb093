"""Types of property values (MS-OXCDATA 2.11.1), and what EWS calls them (MapiPropertyTypeType of its schema)."""

from __future__ import annotations

from enum import IntEnum

MULTIPLE = 0x1000
"""Bit of a type whose value is several values of the type without it."""


class PropertyType(IntEnum):
    """The types that a stream can hold. Restriction, RuleAction and Null have no value there (MS-OXCFXICS 2.2.4.1)."""

    INTEGER16 = 0x0002
    INTEGER32 = 0x0003
    FLOATING32 = 0x0004
    FLOATING64 = 0x0005
    CURRENCY = 0x0006
    FLOATING_TIME = 0x0007
    ERROR_CODE = 0x000A
    BOOLEAN = 0x000B
    OBJECT = 0x000D
    INTEGER64 = 0x0014
    STRING8 = 0x001E
    STRING = 0x001F
    TIME = 0x0040
    GUID = 0x0048
    SERVER_ID = 0x00FB
    BINARY = 0x0102
    MULTIPLE_INTEGER16 = 0x1002
    MULTIPLE_INTEGER32 = 0x1003
    MULTIPLE_FLOATING32 = 0x1004
    MULTIPLE_FLOATING64 = 0x1005
    MULTIPLE_CURRENCY = 0x1006
    MULTIPLE_FLOATING_TIME = 0x1007
    MULTIPLE_INTEGER64 = 0x1014
    MULTIPLE_STRING8 = 0x101E
    MULTIPLE_STRING = 0x101F
    MULTIPLE_TIME = 0x1040
    MULTIPLE_GUID = 0x1048
    MULTIPLE_BINARY = 0x1102

    @property
    def is_multiple(self) -> bool:
        return bool(self & MULTIPLE)

    @property
    def single(self) -> PropertyType:
        """The type of one of the values."""
        return PropertyType(self & ~MULTIPLE)


_EWS_NAMES = {
    PropertyType.INTEGER16: "Short",
    PropertyType.INTEGER32: "Integer",
    PropertyType.FLOATING32: "Float",
    PropertyType.FLOATING64: "Double",
    PropertyType.CURRENCY: "Currency",
    PropertyType.FLOATING_TIME: "ApplicationTime",
    PropertyType.BOOLEAN: "Boolean",
    PropertyType.INTEGER64: "Long",
    PropertyType.STRING8: "String",
    PropertyType.STRING: "String",
    PropertyType.TIME: "SystemTime",
    PropertyType.GUID: "CLSID",
    PropertyType.BINARY: "Binary",
}
"""EWS answers no question for Error, Null and Object, and has no name for a ServerId."""


def ews_type(kind: PropertyType) -> str | None:
    """'Integer', 'BinaryArray'; None: EWS cannot be asked for a property of this type."""
    name = _EWS_NAMES.get(kind.single)
    return f"{name}Array" if name and kind.is_multiple else name
