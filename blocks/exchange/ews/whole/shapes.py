"""What GetItem and GetAttachment ask of an item of a class, of which its stream is written.

Sources: MS-OXWSCORE 3.1.4.4 (GetItem), MS-OXWSATT 3.1.4.3 (GetAttachment: what it gives of an attached item is what
AllProperties gives, and the extended properties that are asked for).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from blocks.exchange.ews.request_xml import Element, field, id_and, item_ids, m, sayable, t
from mailmove.items.item import Item
from mailmove.items.stream.best_body import NATIVE_BODY
from mailmove.items.stream.ews_fields import extended_field
from mailmove.items.stream.known.by_class import properties_of
from mailmove.items.stream.properties import Property
from mailmove.items.stream.smime import is_protected

_ANY = ("item:ItemClass", "item:Attachments")
_MESSAGE = tuple(f"message:{name}" for name in ("From", "Sender", "ToRecipients", "CcRecipients", "BccRecipients"))
_EVENT = tuple(
    f"calendar:{name}"
    for name in ("Organizer", "RequiredAttendees", "OptionalAttendees", "Resources", "ModifiedOccurrences")
)
_EVENTS = (["IPM", "APPOINTMENT"], ["IPM", "OLE"])
_ADDRESSED_TO_NOBODY = (
    ["IPM", "CONTACT"], ["IPM", "DISTLIST"], ["IPM", "TASK"], ["IPM", "STICKYNOTE"], ["IPM", "ACTIVITY"],
)  # fmt: skip
CLASS_OF_KIND = {"event": "IPM.Appointment", "contact": "IPM.Contact", "task": "IPM.Task"}
ATTACHED = "IPM.Note"
"""Class as whose item an attached one is asked for first; its own is not known before."""


@dataclass(frozen=True, eq=False)
class Shape:
    """properties: extended ones. fields: FieldURIs. mime: MimeContent, too. The same is the same object."""

    properties: tuple[Property, ...]
    fields: tuple[str, ...] = ()
    mime: bool = False

    def get_items(self, identities: Iterable[str]) -> Element:
        shape = id_and(*(field(name) for name in self.fields), *self._extended())
        return m.GetItem(
            m.ItemShape(shape[0], t.IncludeMimeContent("true" if self.mime else "false"), *shape[1:]),
            item_ids(identities),
        )

    def get_attached_items(self, identities: Iterable[str]) -> Element:
        shape = m.AttachmentShape(
            t.IncludeMimeContent("true" if self.mime else "false"), t.AdditionalProperties(*self._extended())
        )
        return m.GetAttachment(shape, _attachment_ids(identities))

    def _extended(self) -> list[Element]:
        asked = (extended_field(wanted) for wanted in self.properties)
        return [t.ExtendedFieldURI(**attributes) for attributes in asked if attributes is not None]


def get_files(identities: Iterable[str]) -> Element:
    """Of file attachments nothing can be asked but their content."""
    return m.GetAttachment(_attachment_ids(identities))


@functools.cache
def shape_of(item_class: str) -> Shape:
    """By class, in any case; unknown ones are asked for as messages are."""
    words = item_class.upper().split(".")[:2]
    special = _EVENT if words in _EVENTS else () if words in _ADDRESSED_TO_NOBODY else _MESSAGE
    return asking((*properties_of(item_class), NATIVE_BODY), (*_ANY, *special), is_protected(item_class))


@functools.lru_cache(4096)
def asking(properties: tuple[Property, ...], fields: tuple[str, ...] = (), mime: bool = False) -> Shape:
    """The one shape that asks for these."""
    return Shape(properties, fields, mime)


def class_of(item: Item) -> str:
    """Where the class is not known, that of its kind."""
    return item.item_class or CLASS_OF_KIND.get(item.kind, ATTACHED)


def _attachment_ids(identities: Iterable[str]) -> Element:
    return m.AttachmentIds(*(t.AttachmentId(Id=sayable(identity)) for identity in identities))
