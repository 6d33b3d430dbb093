"""An item as it is written: typed properties, recipients, attachments, and items inside of attachments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import PurePosixPath
from typing import TypeAlias

from mailmove.items.stream.known.parts import ATTACH_DATA, ATTACH_METHOD, ATTACH_OBJECT, ATTACHMENT
from mailmove.items.stream.properties import Property
from mailmove.items.stream.values import Value

Properties: TypeAlias = Mapping[Property, Value]


class AttachMethod(IntEnum):
    """How an attachment has its content (MS-OXCMSG 2.2.2.9)."""

    NONE = 0
    BY_VALUE = 1
    BY_REFERENCE = 2
    BY_REFERENCE_ONLY = 4
    EMBEDDED_ITEM = 5
    OLE = 6
    BY_WEB_REFERENCE = 7


@dataclass(frozen=True)
class StreamRecipient:
    """PidTagRowid is given by the writer, in order."""

    properties: Properties


@dataclass(frozen=True)
class StreamAttachment:
    """embedded: its item; exactly those of method EMBEDDED_ITEM have one. PidTagAttachNumber is given by the writer."""

    properties: Properties
    embedded: StreamItem | None = None


@dataclass(frozen=True)
class StreamItem:
    """What is written of an item, and of each item that is embedded in it."""

    properties: Properties
    recipients: tuple[StreamRecipient, ...] = ()
    attachments: tuple[StreamAttachment, ...] = field(default=())


_BY_TITLE = {known.title.removeprefix("PidTag"): known for known in ATTACHMENT}
NOWHERE = -1
"""Rendering position of what is not shown inside the text (MS-OXCMSG 2.2.2.16)."""


def _named(name: str, position: int, more: Properties | None) -> dict[Property, Value]:
    shown: dict[Property, Value] = {_BY_TITLE["RenderingPosition"]: position}
    if name:
        shown |= {_BY_TITLE["AttachLongFilename"]: name, _BY_TITLE["DisplayName"]: name}
        if suffix := PurePosixPath(name).suffix:
            shown[_BY_TITLE["AttachExtension"]] = suffix
    return {**shown, **(more or {})}


def by_value(name: str, content: bytes, *, position: int = NOWHERE, more: Properties | None = None) -> StreamAttachment:
    """A file. position: of its picture in a text with RTF. more: content id, hidden, MIME type, ..."""
    given: Properties = {ATTACH_METHOD: int(AttachMethod.BY_VALUE), ATTACH_DATA: content}
    return StreamAttachment({**_named(name, position, more), **given})


def embedded_item(
    name: str, item: StreamItem, *, position: int = NOWHERE, more: Properties | None = None
) -> StreamAttachment:
    return StreamAttachment(
        {**_named(name, position, more), ATTACH_METHOD: int(AttachMethod.EMBEDDED_ITEM)}, embedded=item
    )


def ole_object(name: str, storage: bytes, *, position: int, more: Properties | None = None) -> StreamAttachment:
    """An object of another program in the text. storage: its compound file."""
    given: Properties = {ATTACH_METHOD: int(AttachMethod.OLE), ATTACH_OBJECT: storage}
    return StreamAttachment({**_named(name, position, more), **given})
