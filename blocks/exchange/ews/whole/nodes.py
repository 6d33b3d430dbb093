"""An item while it is gathered: its own properties, its attachments with the items in them, its changed occurrences."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailmove.items.item import Item
from mailmove.items.stream.ews_item import EwsFile, EwsInner, EwsItem, EwsOccurrence
from mailmove.items.stream.properties import Property, Tag
from mailmove.items.stream.property_types import PropertyType
from mailmove.items.stream.smime import is_protected

_HTML = Property(Tag(0x1013), PropertyType.BINARY)
_PHOTO = "contactpicture.jpg"
"""Name of a contact's picture, where 2007 does not say which it is (MS-OXOCNTC 2.2.1.8.3)."""


@dataclass
class Part:
    """An attachment. content, inner: none until it was fetched. inline, size: None: the server does not say."""

    id: str
    name: str
    is_item: bool
    content_type: str = ""
    content_id: str = ""
    content_location: str = ""
    inline: bool | None = None
    photo: bool = False
    size: int | None = None
    content: bytes | None = None
    inner: Node | None = None


@dataclass
class Occurrence:
    """A changed one of a series. original: the start that it would have had."""

    id: str
    original: datetime
    start: datetime
    end: datetime
    node: Node | None = None


@dataclass
class Node:
    """people: fields of EwsItem, by their names. links: names of attachments that lie elsewhere. fault: what of the
    answer cannot be read.
    """

    item_class: str = ""
    values: dict[Property, str | Sequence[str]] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    mime: bytes | None = None
    parts: list[Part] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    occurrences: list[Occurrence] = field(default_factory=list)
    fault: str = ""

    def wanted(self) -> list[Part]:
        """Attachments to be fetched; what is signed or encrypted has all of it in its MIME."""
        return [] if is_protected(self.item_class) else self.parts

    def as_item(self) -> EwsItem:
        """What was not to be had is left out."""
        return EwsItem(
            self.item_class,
            self.values,
            attachments=tuple(self._attachments()),
            occurrences=tuple(self._occurrences()),
            mime=self.mime,
            **self.people,
        )

    def _attachments(self) -> Iterator[EwsFile | EwsInner]:
        contact = self.item_class.upper().startswith("IPM.CONTACT")
        for part in self.wanted():
            if part.inner is not None:
                yield EwsInner(part.name, part.inner.as_item())
            elif part.content is not None:
                photo = part.photo or (contact and part.name.lower() == _PHOTO)
                yield EwsFile(
                    part.name, part.content, part.content_type, part.content_id, part.content_location,
                    self._in_text(part), photo,
                )  # fmt: skip

    def _in_text(self, part: Part) -> bool:
        """2007 does not say it: then, whether the text shows it."""
        if part.inline is not None or not part.content_id:
            return bool(part.inline)
        html = self.values.get(_HTML)
        try:
            text = base64.b64decode(html) if isinstance(html, str) else b""
        except binascii.Error:
            return False
        return f"cid:{part.content_id}".encode("utf-8", "replace").lower() in text.lower()

    def _occurrences(self) -> Iterator[EwsOccurrence]:
        for changed in self.occurrences:
            if changed.node is not None:
                yield EwsOccurrence(changed.original, changed.start, changed.end, changed.node.as_item())


@dataclass
class Whole:
    """A listed item with all of its nodes. reason: why it cannot be had now. without: what of it never can."""

    item: Item
    root: Node
    reason: str = ""
    without: list[str] = field(default_factory=list)

    def nodes(self) -> list[Node]:
        """The item's, and its changed occurrences'."""
        return [self.root, *(changed.node for changed in self.root.occurrences if changed.node is not None)]
