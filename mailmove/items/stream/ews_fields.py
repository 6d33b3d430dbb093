"""Properties as EWS is asked for them, and as it names them in its answer: ExtendedFieldURI (MS-OXWSXPROP 2.2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from mailmove.items.stream.properties import (
    ADDRESS,
    APPOINTMENT,
    CALENDAR_ASSISTANT,
    COMMON,
    INTERNET_HEADERS,
    MEETING,
    PUBLIC_STRINGS,
    UNIFIED_MESSAGING,
    Key,
    Lid,
    Name,
    Property,
    Tag,
)
from mailmove.items.stream.property_types import PropertyType, ews_type

_DISTINGUISHED = {
    MEETING: "Meeting",
    APPOINTMENT: "Appointment",
    COMMON: "Common",
    PUBLIC_STRINGS: "PublicStrings",
    ADDRESS: "Address",
    INTERNET_HEADERS: "InternetHeaders",
    CALENDAR_ASSISTANT: "CalendarAssistant",
    UNIFIED_MESSAGING: "UnifiedMessaging",
}
"""Names of sets that Exchange 2007 knows already; the others are asked for by their GUID."""
_SETS = {name: place for place, name in _DISTINGUISHED.items()}
_TYPES = {name: kind for kind in PropertyType if kind.single != PropertyType.STRING8 and (name := ews_type(kind))}
"""EWS has one name for both kinds of text."""


def extended_field(wanted: Property) -> dict[str, str] | None:
    """Attributes of the ExtendedFieldURI that asks EWS for it, from Exchange 2007 on; None: EWS cannot be asked."""
    kind, key = ews_type(wanted.type), wanted.key
    if kind is None:
        return None
    if isinstance(key, Tag):
        return {"PropertyTag": f"0x{key.id:04x}", "PropertyType": kind}
    known = _DISTINGUISHED.get(key.set)
    place = {"DistinguishedPropertySetId": known} if known else {"PropertySetId": str(key.set)}
    name = {"PropertyId": str(key.lid)} if isinstance(key, Lid) else {"PropertyName": key.text}
    return {**place, **name, "PropertyType": kind}


def property_answered(attributes: Mapping[str, str]) -> Property | None:
    """The property of an ExtendedFieldURI in an answer, however the server spells it; None: it names none."""
    kind = _TYPES.get(attributes.get("PropertyType", ""))
    try:
        key = _key(attributes)
    except ValueError:
        return None
    return Property(key, kind) if key is not None and kind is not None else None


def _key(attributes: Mapping[str, str]) -> Key | None:
    """Servers write tags in hexadecimal without leading zeros; the schema allows decimals, too."""
    if "PropertyTag" in attributes:
        return Tag(int(attributes["PropertyTag"], 0))
    named = attributes.get("DistinguishedPropertySetId")
    place = _SETS.get(named) if named else UUID(attributes.get("PropertySetId", ""))
    if place is None:
        return None
    if "PropertyId" in attributes:
        return Lid(place, int(attributes["PropertyId"]))
    return Name(place, attributes["PropertyName"]) if attributes.get("PropertyName") else None
