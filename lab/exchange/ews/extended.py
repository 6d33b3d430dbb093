"""Extended properties: any property of a MAPI store by its tag or its name (MS-OXWSXPROP).

Nothing enumerates them: what is asked for and there, of the type asked for, is answered. Times come in whole seconds,
as everywhere in EWS. The forms of a path are those of PathToExtendedFieldType in types.xsd.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from uuid import UUID

from lab.cloud.item_stream import named_properties as named
from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.named_properties import Name
from lab.cloud.item_stream.property_types import Single, kind_of, time_of
from lab.cloud.item_stream.stored import Key, Properties, Property
from lab.exchange.ews.xml import Element, EwsError, attribute, stamp, text_of

_TYPES = {
    "ApplicationTime": t.APP_TIME, "Binary": t.BINARY, "Boolean": t.BOOLEAN, "CLSID": t.GUID, "Currency": t.CURRENCY,
    "Double": t.FLOAT64, "Float": t.FLOAT32, "Integer": t.INT32, "Long": t.INT64, "Short": t.INT16,
    "SystemTime": t.TIME, "String": t.STRING,
}  # fmt: skip
_TYPES |= {f"{name}Array": t.MULTIPLE | kind for name, kind in _TYPES.items() if name != "Boolean"}
_NEVER = ("Error", "Null", "Object", "ObjectArray")
"""In the schema for reports of errors only; nobody gets a property of such a type."""
_SETS = {
    "Meeting": named.MEETING, "Appointment": named.APPOINTMENT, "Common": named.COMMON, "Task": named.TASK,
    "PublicStrings": named.PUBLIC_STRINGS, "Address": named.ADDRESS, "InternetHeaders": named.INTERNET_HEADERS,
    "CalendarAssistant": UUID("11000E07-B51B-40D6-AF21-CAA85EDAB1D0"),
    "UnifiedMessaging": UUID("4442858E-A9E3-4E80-B900-317A210CC15B"),
}  # fmt: skip
_SHARING = {"Sharing": UUID("00062040-0000-0000-C000-000000000046")}  # since 2013
_GUID = re.compile(r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")
_HEX = re.compile(r"^0[xX][0-9A-Fa-f]{1,4}$")
_FIRST_CUSTOM = 0x8000


@dataclass(frozen=True)
class ExtendedField:
    """A path: `key` and `kind` of the property, and the path as it is written back."""

    key: Key
    kind: int
    path: str


def read_path(path: Element, *, major: int) -> ExtendedField:
    """An ExtendedFieldURI. EwsError: not of the schema, or a combination that it does not allow."""
    have = {str(name): str(value) for name, value in path.attrib.items()}
    kind = have.pop("PropertyType", "")
    if kind not in _TYPES and kind not in _NEVER:
        raise _schema(f"PropertyType '{kind}'")
    if set(have) - {"PropertyTag", "DistinguishedPropertySetId", "PropertySetId", "PropertyName", "PropertyId"}:
        raise _schema(f"attributes {sorted(have)}")
    key = _key(have, major)
    if kind in _NEVER:
        raise EwsError("ErrorUnsupportedPropertyDefinition", f"Properties of type {kind} cannot be got.")
    attributes = " ".join(f"{name}={attribute(value)}" for name, value in have.items())
    return ExtendedField(key, _TYPES[kind], f'<t:ExtendedFieldURI {attributes} PropertyType="{kind}"/>')


def _key(have: dict[str, str], major: int) -> Key:
    names = set(have)
    if names == {"PropertyTag"}:
        text = have["PropertyTag"]
        if not (_HEX.match(text) or (text.isdigit() and int(text) <= 0xFFFF)):
            raise _schema(f"PropertyTag '{text}'")
        number = int(text, 16 if text[:2].lower() == "0x" else 10)
        if not 0 < number < _FIRST_CUSTOM:
            raise _invalid("PropertyTag is not allowed for the custom range, from 0x8000 on.")
        have["PropertyTag"] = f"0x{number:x}"
        return number
    places, members = names & {"DistinguishedPropertySetId", "PropertySetId"}, names & {"PropertyName", "PropertyId"}
    if len(places) != 1 or len(members) != 1 or len(names) != 2:
        raise _invalid("The combination of attributes of an extended property is invalid.")
    if "PropertySetId" in have:
        if not _GUID.match(have["PropertySetId"]):
            raise _schema(f"PropertySetId '{have['PropertySetId']}'")
        place = UUID(have["PropertySetId"])
    else:
        sets = _SETS | (_SHARING if major >= 15 else {})
        if have["DistinguishedPropertySetId"] not in sets:
            raise _schema(f"DistinguishedPropertySetId '{have['DistinguishedPropertySetId']}'")
        place = sets[have["DistinguishedPropertySetId"]]
    if "PropertyName" in have:
        if not have["PropertyName"]:
            raise _invalid("PropertyName must not be empty.")
        return Name(place, have["PropertyName"])
    if not re.match(r"^[+-]?[0-9]+$", have["PropertyId"]) or abs(int(have["PropertyId"])) > 0x7FFFFFFF:
        raise _schema(f"PropertyId '{have['PropertyId']}'")
    return Name(place, int(have["PropertyId"]))


def _schema(what: str) -> EwsError:
    return EwsError("ErrorSchemaValidation", f"The request failed schema validation: {what}", fault=True)


def _invalid(text: str) -> EwsError:
    return EwsError("ErrorInvalidExtendedProperty", text)


def extended_xml(fields: tuple[ExtendedField, ...], properties: Properties) -> str:
    """ExtendedProperty elements, in the order in which they were asked for."""
    parts = []
    for field in fields:
        kept = _named(properties, field.key)
        if kept is None or kind_of(kept.kind) != field.kind:
            continue
        if isinstance(kept.value, tuple):
            values = "".join(f"<t:Value>{_spelled(field.kind, value)}</t:Value>" for value in kept.value)
            value = f"<t:Values>{values}</t:Values>"
        else:
            value = f"<t:Value>{_spelled(field.kind, kept.value)}</t:Value>"
        parts.append(f"<t:ExtendedProperty>{field.path}{value}</t:ExtendedProperty>")
    return "".join(parts)


def _named(properties: Properties, key: Key) -> Property | None:
    """The property; of internet headers whatever the case of its name (MS-OXPROPS 1.3.2: they are lower case)."""
    if key in properties or not (isinstance(key, Name) and isinstance(key.id, str)):
        return properties.get(key)
    if key.set != named.INTERNET_HEADERS:
        return None
    return properties.get(Name(key.set, key.id.lower()))


def _spelled(kind: int, value: Single) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if kind & ~t.MULTIPLE == t.TIME and isinstance(value, int):
        return stamp(time_of(value))
    return text_of(repr(value) if isinstance(value, float) else str(value))
