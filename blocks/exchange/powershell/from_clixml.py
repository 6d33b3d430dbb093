"""PowerShell's objects on the wire (CLIXML, MS-PSRP 2.2.5) as plain values: dicts, lists, text, numbers, moments.

What an object is says its type (TN), never its text: a SwitchParameter becomes True or False, whatever its text is in
the server's language. An object that has a text (ToString) and properties becomes `Shown`, a text with `parts`. What is
no value of its type becomes `Unread`: whoever wants that property gets an error that names it (`values.py`), and nobody
else is disturbed.

pypsrp reads them, too, but writes each part of each object out again while it does; on 30,000 objects that is felt.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree import ElementTree as ET

from pypsrp.serializer import Serializer

_LISTS = {"LST", "IE", "QUE", "STK"}
_DEEPEST = 50  # levels; PowerShell sends two of its own accord (SerializationDepth), and a hundred at most
_SWITCH = "System.Management.Automation.SwitchParameter"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # a UTF-16 unit that XML cannot say, or would not keep
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


class Row(dict[str, Any]):
    """An object's properties by name; `cmdlet`: which one gave it."""

    cmdlet: str = ""


class Shown(str):
    """An object as its text (ToString), with its properties: an enumeration, an identity, a size, an account."""

    __slots__ = ("parts",)

    parts: dict[str, Any]

    def __new__(cls, text: str, parts: dict[str, Any]) -> Shown:
        shown = super().__new__(cls, text)
        shown.parts = parts
        return shown


@dataclass(frozen=True)
class Unread:
    """An element that is no value of its kind: `<I32>x</I32>`, an unknown tag, a reference to nothing."""

    tag: str
    text: str


class NotClixml(ValueError):
    """The answer is not one object of PowerShell."""


@dataclass
class _Known:
    """What later elements refer to: objects by RefId, type names by RefId."""

    objects: dict[str, Any] = field(default_factory=dict)
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)


def properties(text: str) -> Row:
    """An object's properties by name; of a bare value, `{"value": ...}`. NotClixml: it is no object."""
    try:
        element = ET.fromstring(text)  # noqa: S314  # expat resolves no external entity, and Exchange is asked by us
    except ET.ParseError as error:
        raise NotClixml(str(error)) from None
    known = _Known()
    if element.tag == "Obj" and not any(child.tag in _LISTS or child.tag == "DCT" for child in element):
        _types(element, known)
        members = _members(element, known, 0)
        bare = next((child for child in element if child.tag in _READERS), None)  # an extended primitive
        return Row(members) if bare is None else Row(members, value=_value(bare, known, 0))
    if element.tag != "Obj" and element.tag not in _READERS:
        raise NotClixml(f"<{element.tag}> is no object")
    return Row(value=_value(element, known, 0))


def _members(element: ET.Element, known: _Known, depth: int) -> dict[str, Any]:
    return {
        _text(child.get("N", "")): _value(child, known, depth + 1)
        for members in element
        if members.tag in ("Props", "MS")
        for child in members
    }


def _value(element: ET.Element, known: _Known, depth: int) -> Any:
    if depth > _DEEPEST:
        return Unread(element.tag, "nested too deep")
    if element.tag == "Ref":
        reference = element.get("RefId", "")
        return known.objects[reference] if reference in known.objects else Unread("Ref", reference)
    if element.tag == "Obj":
        value = _object(element, known, depth)
        known.objects[element.get("RefId", "")] = value
        return value
    read = _READERS.get(element.tag)
    if read is None:
        return Unread(element.tag, (element.text or "")[:100])
    try:
        return read(element.text or "")
    except (ValueError, OverflowError, InvalidOperation):
        return Unread(element.tag, (element.text or "")[:100])


def _object(element: ET.Element, known: _Known, depth: int) -> Any:
    types = _types(element, known)
    for child in element:
        if child.tag in _LISTS:
            return [_value(value, known, depth + 1) for value in child]
        if child.tag == "DCT":
            return dict(_pairs(child, known, depth))
    members = _members(element, known, depth)
    if types and types[0].removeprefix("Deserialized.") == _SWITCH:
        return members.get("IsPresent", Unread("Obj", _SWITCH))
    # Exchange's enums and identities have their text; it is what an administrator would see.
    shown = element.find("ToString")
    if shown is not None:
        return Shown(_text(shown.text or ""), members)
    bare = [child for child in element if child.tag in _READERS]  # an extended primitive (2.2.5.2.9)
    if bare and not members:
        return _value(bare[0], known, depth + 1)
    return members


def _pairs(dictionary: ET.Element, known: _Known, depth: int) -> list[tuple[str, Any]]:
    """Entries without a key are left out: nobody can ask for them."""
    entries = ({part.get("N"): part for part in entry} for entry in dictionary)
    return [
        (str(_value(entry["Key"], known, depth + 1)), _value(entry["Value"], known, depth + 1))
        for entry in entries
        if "Key" in entry and "Value" in entry
    ]


def _types(element: ET.Element, known: _Known) -> tuple[str, ...]:
    """Names of the object's class and of those that it comes from (2.2.5.2.3); written once, then referred to."""
    for child in element:
        if child.tag == "TNRef":
            return known.types.get(child.get("RefId", ""), ())
        if child.tag == "TN":
            names = tuple(name.text or "" for name in child)
            known.types[child.get("RefId", "")] = names
            return names
    return ()


def _text(text: str) -> str:
    if "_x" not in text:
        return text
    units = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _moment(text: str) -> datetime:
    """Without a time zone where the server gave none: `values.moment` asks what that means."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    zone = (match[3] or "").replace("Z", "+00:00")
    return datetime.fromisoformat(f"{match[1]}{(match[2] or '')[:7]}{zone}")


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(text)
    return word == "true"


def _nothing(_: str) -> None:
    return None


def _bytes(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


_READERS: dict[str, Callable[[str], Any]] = {
    "B": _flag,
    "C": lambda text: chr(int(text)),
    "BA": _bytes,
    "DT": _moment,
    "D": Decimal,
    "Nil": _nothing,
    "SS": _nothing,
    **dict.fromkeys(("By", "SB", "U16", "I16", "U32", "I32", "U64", "I64"), int),
    **dict.fromkeys(("Sg", "Db"), float),
    **dict.fromkeys(("S", "G", "URI", "Version", "XD", "SBK", "TS"), _text),
}


class PlainReader(Serializer):
    """pypsrp's serializer, but what a pipeline gives becomes the dict of `properties`."""

    def deserialize(self, element: Any, metadata: Any = None, clear: bool = True) -> Any:
        if clear and metadata is None and isinstance(element, str):
            return properties(element)
        return super().deserialize(element, metadata, clear)
