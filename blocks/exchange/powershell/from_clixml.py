"""PowerShell's objects on the wire (CLIXML, MS-PSRP 2.2.5) as plain values: dicts, lists, text, numbers, moments.

pypsrp reads them, too, but writes each part of each object out again while it does; on 30,000 objects that is felt.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from pypsrp.serializer import Serializer

_LISTS = {"LST", "IE", "QUE", "STK"}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # a UTF-16 unit that XML cannot say, or would not keep
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


def properties(text: str) -> dict[str, Any]:
    """An object's properties by name; of a bare value, `{"value": ...}`."""
    element = ET.fromstring(text)  # noqa: S314  # expat resolves no external entity, and Exchange is asked by us
    objects: dict[str, Any] = {}
    if element.tag == "Obj" and not any(child.tag in _LISTS or child.tag == "DCT" for child in element):
        return _members(element, objects)
    return {"value": _value(element, objects)}


def _members(element: ET.Element, objects: dict[str, Any]) -> dict[str, Any]:
    return {
        child.get("N", ""): _value(child, objects)
        for members in element
        if members.tag in ("Props", "MS")
        for child in members
    }


def _value(element: ET.Element, objects: dict[str, Any]) -> Any:
    if element.tag == "Ref":
        return objects.get(element.get("RefId", ""))
    if element.tag != "Obj":
        read = _READERS.get(element.tag, _text)
        return read(element.text or "")
    value = _object(element, objects)
    objects[element.get("RefId", "")] = value
    return value


def _object(element: ET.Element, objects: dict[str, Any]) -> Any:
    for child in element:
        if child.tag in _LISTS:
            return [_value(value, objects) for value in child]
        if child.tag == "DCT":
            pairs = ({part.get("N"): part for part in entry} for entry in child)
            return {str(_value(pair["Key"], objects)): _value(pair["Value"], objects) for pair in pairs}
    # Exchange's enums and identities have their text; it is what an administrator would see.
    shown = element.find("ToString")
    return _text(shown.text or "") if shown is not None else _members(element, objects)


def _text(text: str) -> str:
    if "_x" not in text:
        return text
    units = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _moment(text: str) -> Any:
    match = _MOMENT.fullmatch(text)
    if match is None:  # no time zone: nobody can say which moment it is
        return text
    return datetime.fromisoformat(f"{match[1]}{(match[2] or '')[:7]}{match[3].replace('Z', '+00:00')}")


def _nothing(_: str) -> None:
    return None


_READERS: dict[str, Callable[[str], Any]] = {
    "B": lambda text: text.lower() == "true",
    "C": lambda text: chr(int(text)),
    "BA": base64.b64decode,
    "DT": _moment,
    "Nil": _nothing,
    "SS": _nothing,
    **dict.fromkeys(("By", "SB", "U16", "I16", "U32", "I32", "U64", "I64"), int),
    **dict.fromkeys(("Sg", "Db"), float),
}


class PlainReader(Serializer):
    """pypsrp's serializer, but what a pipeline gives becomes the dict of `properties`."""

    def deserialize(self, element: Any, metadata: Any = None, clear: bool = True) -> Any:
        if clear and metadata is None and isinstance(element, str):
            return properties(element)
        return super().deserialize(element, metadata, clear)
