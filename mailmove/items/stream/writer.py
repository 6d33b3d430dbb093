"""An item's FastTransfer stream (MS-OXCFXICS 2.2.4), from typed properties to bytes.

    messageContent    = propList messageChildren
    messageChildren   = [MetaTagFXDelProp] *recipient [MetaTagFXDelProp] *attachment
    recipient         = StartRecip propList EndToRecip
    attachment        = NewAttach PidTagAttachNumber attachmentContent EndAttach
    attachmentContent = propList [embeddedMessage]
    embeddedMessage   = StartEmbed messageContent EndEmbed

MetaTagFXDelProp stands before recipients and before attachments, as in a server's own stream of a whole item
(3.2.5.10). Properties come in the order of their ids, named ones last: the same item gives the same bytes. A text has
the type AS_STORED, as in the streams that servers give to servers; several texts have their own type everywhere.

Unverified: that the mailbox import takes a stream that no server has written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailmove.items.stream.envelope import Atom, in_envelope
from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.item import AttachMethod, Properties, StreamAttachment, StreamItem, StreamRecipient
from mailmove.items.stream.known.parts import ATTACH_DATA, ATTACH_METHOD, ATTACH_NUMBER, ATTACH_OBJECT, ROW_ID
from mailmove.items.stream.properties import FIRST_NAMED, Key, Lid, Name, Property, Tag
from mailmove.items.stream.property_types import PropertyType
from mailmove.items.stream.untransmitted import Part, is_transmitted
from mailmove.items.stream.values import VARIABLE, Value, several_values, single_value

START_RECIPIENT, END_RECIPIENT = 0x40030003, 0x40040003
NEW_ATTACHMENT, END_ATTACHMENT = 0x40000003, 0x400E0003
START_EMBEDDED, END_EMBEDDED = 0x40010003, 0x40020003
DELETE_PROPERTY = Property(Tag(0x4016), PropertyType.INTEGER32, "MetaTagFXDelProp")
RECIPIENTS, ATTACHMENTS = 0x0E12000D, 0x0E13000D
"""PidTagMessageRecipients and PidTagMessageAttachments, as MetaTagFXDelProp names them (2.2.1.7)."""
AS_STORED = 0x84B0
"""Type of a text in code page 1200, which is UTF-16 (2.2.4.1.1.1)."""
LAST_NAMED = 0xFFFE
_METHODS = {int(method) for method in AttachMethod}
DEEPEST = 32
"""Items inside of one another; Exchange refuses to save deeper ones."""


def stream_of(item: StreamItem, *, string_type: int = AS_STORED) -> bytes:
    """The item in its envelope, as ExportItems gives it and the mailbox import takes it (not in base64).

    string_type: of texts, AS_STORED or PropertyType.STRING; their bytes are the same.

    ItemUnwritable: a value that its type cannot hold, a property twice, an attachment without its content.
    """
    return in_envelope(_Writer(string_type).content(item, 1))


def transfer_of(item: StreamItem, *, string_type: int = AS_STORED) -> bytes:
    """The item's stream alone, without envelope."""
    return b"".join(atom.data for atom in _Writer(string_type).content(item, 1))


@dataclass
class _Writer:
    """Of one stream: a name has the same id everywhere in it."""

    string_type: int
    ids: dict[Key, int] = field(default_factory=dict)

    def content(self, item: StreamItem, depth: int) -> Iterator[Atom]:
        if depth > DEEPEST:
            raise unwritable(f"at most {DEEPEST} items inside of one another", "more", "TooDeep")
        yield from self._list("item", item.properties)
        yield from self._element(DELETE_PROPERTY, RECIPIENTS)
        for number, recipient in enumerate(item.recipients):
            yield from self._recipient(number, recipient)
        yield from self._element(DELETE_PROPERTY, ATTACHMENTS)
        for number, attachment in enumerate(item.attachments):
            yield from self._attachment(number, attachment, depth)

    def _recipient(self, number: int, recipient: StreamRecipient) -> Iterator[Atom]:
        yield _marker(START_RECIPIENT)
        yield from self._element(ROW_ID, number)
        yield from self._list("recipient", recipient.properties)
        yield _marker(END_RECIPIENT)

    def _attachment(self, number: int, attachment: StreamAttachment, depth: int) -> Iterator[Atom]:
        _check_method(number, attachment)
        yield _marker(NEW_ATTACHMENT)
        yield from self._element(ATTACH_NUMBER, number)
        yield from self._list("attachment", attachment.properties)
        if attachment.embedded is not None:
            yield _marker(START_EMBEDDED)
            yield from self.content(attachment.embedded, depth + 1)
            yield _marker(END_EMBEDDED)
        yield _marker(END_ATTACHMENT)

    def _list(self, part: Part, properties: Properties) -> Iterator[Atom]:
        keys: set[Key] = set()
        for each in sorted(properties, key=_order):
            if each.key in keys:
                raise unwritable(f"{each} once", "two values of different types", "PropertyTwice")
            keys.add(each.key)
            if is_transmitted(part, each):
                yield from self._element(each, properties[each])

    def _element(self, owner: Property, value: Value) -> Iterator[Atom]:
        """propValue: what it is, and the value; what may be divided between two buffers is an atom of its own."""
        head = self._head(owner)
        if owner.type.is_multiple:
            values = several_values(owner, value)
            yield Atom(head + struct.pack("<I", len(values)))
            for encoded in values:
                yield from _sized(b"", encoded) if owner.type.single in VARIABLE else [Atom(encoded)]
        elif owner.type in VARIABLE:
            yield from _sized(head, single_value(owner, owner.type, value))
        else:
            yield Atom(head + single_value(owner, owner.type, value))

    def _head(self, owner: Property) -> bytes:
        """propDef: type, id and, of a named property, its set and name."""
        key = owner.key
        kind = self.string_type if owner.type is PropertyType.STRING else owner.type
        if isinstance(key, Tag):
            if not 0 < key.id < FIRST_NAMED:
                raise unwritable(f"{owner} as a tag", "an id that each mailbox gives to another name", "TagOfName")
            return struct.pack("<HH", kind, key.id)
        number = self.ids.setdefault(key, FIRST_NAMED + len(self.ids))
        if number > LAST_NAMED:
            raise unwritable(f"at most {LAST_NAMED - FIRST_NAMED + 1} named properties in an item", "more", "TooMany")
        return struct.pack("<HH", kind, number) + key.set.bytes_le + _name(owner, key)


def _name(owner: Property, key: Lid | Name) -> bytes:
    if isinstance(key, Lid):
        return b"\x00" + struct.pack("<I", key.lid)
    if not key.text or "\0" in key.text:
        raise unwritable(f"the name of {owner}", "no name, or one with a null in it", "NameUnfit")
    try:
        return b"\x01" + f"{key.text}\0".encode("utf-16-le")
    except UnicodeError:
        raise unwritable(f"the name of {owner}", "half a character", "NameUnfit") from None


def _order(each: Property) -> tuple[int, int, int, str, int]:
    """Tags by id, then what is named by a number, then what is named by a text."""
    key = each.key
    if isinstance(key, Tag):
        return 0, 0, key.id, "", each.type
    if isinstance(key, Lid):
        return 1, key.set.int, key.lid, "", each.type
    return 2, key.set.int, 0, key.text, each.type


def _marker(tag: int) -> Atom:
    return Atom(struct.pack("<I", tag))


def _sized(head: bytes, encoded: bytes) -> Iterator[Atom]:
    yield Atom(head + struct.pack("<I", len(encoded)))
    if encoded:
        yield Atom(encoded, divisible=True)


def _check_method(number: int, attachment: StreamAttachment) -> None:
    """Each method has its own content; another one, or none, would be an attachment that cannot be opened."""
    method, name = attachment.properties.get(ATTACH_METHOD), f"attachment {number + 1}"
    if not isinstance(method, int) or method not in _METHODS:
        raise unwritable(f"{ATTACH_METHOD} of {name}", "none that is known", "AttachmentMethod")
    needs = {
        AttachMethod.BY_VALUE: ATTACH_DATA in attachment.properties,
        AttachMethod.EMBEDDED_ITEM: attachment.embedded is not None,
        AttachMethod.OLE: ATTACH_OBJECT in attachment.properties,
    }
    lacks = [wanted.name for wanted, has in needs.items() if has != (wanted == method)]
    if lacks:
        raise unwritable(
            f"the content of {name}", f"method {AttachMethod(method).name}, wrong: {lacks}", "AttachmentContent"
        )
