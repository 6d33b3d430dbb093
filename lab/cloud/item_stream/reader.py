"""Reads a stream strictly: the grammar of messageContent (MS-OXCFXICS 2.2.4.2), by recursive descent.

    messageContent    = [MetaTagDnPrefix] propList [MetaTagFXDelProp] *recipient [MetaTagFXDelProp] *attachment
    recipient         = StartRecip propList EndToRecip
    attachment        = NewAttach PidTagAttachNumber propList [embeddedMessage] EndAttach
    embeddedMessage   = StartEmbed [PidTagMid] messageContent EndEmbed

Exchange itself may forgive more; what it would have to forgive is refused here. `read_stream` says where and why.
"""

from __future__ import annotations

from lab.cloud.item_stream import tags
from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.envelope import read_envelope
from lab.cloud.item_stream.property_reader import PropertyReader
from lab.cloud.item_stream.refusal import Fault
from lab.cloud.item_stream.stored import Attachment, Properties, StoredProperties

_DEEPEST = 30  # Graph opens attachments of attachments up to 30 levels (graph/api/attachment-get)
BY_VALUE, EMBEDDED, OLE = 1, 5, 6
_METHODS = range(8)  # MS-OXCMSG 2.2.2.9


def read_stream(data: bytes) -> StoredProperties:
    """The message in a stream with its envelope. StreamRefused."""
    envelope = read_envelope(data)
    return read_content(envelope.stream, envelope.pieces, envelope.version)


def read_content(
    stream: bytes, pieces: tuple[tuple[int, int], ...] = ((0, 0),), version: tuple[int, ...] = ()
) -> StoredProperties:
    """A bare FastTransfer stream. pieces: see Cursor."""
    cursor = Cursor(stream, pieces)
    message = _Reader(cursor).message(0, version)
    if cursor.left:
        _not_here(cursor, "the end of the message")
    return message


class _Reader:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor, self._properties = cursor, PropertyReader(cursor)

    def message(self, depth: int, version: tuple[int, ...] = ()) -> StoredProperties:
        cursor = self._cursor
        if depth > _DEEPEST:
            cursor.refuse(Fault.TOO_DEEP, f"at most {_DEEPEST} messages in one another", "one more")
        prefix = self._properties.dn_prefix()
        start = cursor.at
        properties = self._properties.list("message", embedded=depth > 0)
        self._class(properties, start)
        announced = self._announced(tags.RECIPIENTS)
        recipients: list[Properties] = []
        rows: set[int] = set()
        while self._next() == tags.START_RECIPIENT and not announced & {tags.ATTACHMENTS}:
            recipients.append(self._recipient(rows))
        announced |= self._announced(tags.ATTACHMENTS, announced)
        attachments: list[Attachment] = []
        numbers: set[int] = set()
        while self._next() == tags.NEW_ATTACH:
            attachments.append(self._attachment(numbers, depth))
        return StoredProperties(properties, tuple(recipients), tuple(attachments), prefix, version)

    def _next(self) -> int:
        """The next four bytes; 0 at the end."""
        return int.from_bytes(self._cursor.peek(4), "little")

    def _class(self, properties: Properties, start: int) -> None:
        """MS-OXCMSG 2.2.1.3: at most 255 printable letters of ASCII, no full stop at either end."""
        cursor = self._cursor
        if tags.MESSAGE_CLASS not in properties:
            cursor.refuse(Fault.MISSING, "PidTagMessageClass", "a message without", start)
        name = properties.text(tags.MESSAGE_CLASS)
        if not (0 < len(name) <= 255 and name.isascii() and name.isprintable() and name.strip(". ") == name):
            cursor.refuse(Fault.BAD_VALUE, "a message class (MS-OXCMSG 2.2.1.3)", repr(name[:40]), start)

    def _announced(self, children: int, before: frozenset[int] = frozenset()) -> frozenset[int]:
        """MetaTagFXDelProp before recipients or attachments (2.2.4.1.5.1): which of the two it says."""
        announced = set(before)
        while self._next() == tags.DEL_PROP:
            at = self._cursor.at
            self._cursor.u32("MetaTagFXDelProp")
            value = self._cursor.u32("the value of MetaTagFXDelProp")
            allowed = {children, tags.ATTACHMENTS} - announced
            if value not in allowed or tags.ATTACHMENTS in announced:
                wanted = (
                    f"MetaTagFXDelProp of {' or '.join(f'0x{tag:08X}' for tag in sorted(allowed)) or 'nothing more'}"
                )
                self._cursor.refuse(Fault.WRONG_ORDER, wanted, f"0x{value:08X}", at)
            announced.add(value)
        return frozenset(announced)

    def _recipient(self, rows: set[int]) -> Properties:
        cursor, start = self._cursor, self._cursor.at
        cursor.u32("StartRecip")
        properties = self._properties.list("recipient")
        self._end(tags.END_RECIPIENT, start)
        for key in (tags.ROW_ID, tags.RECIPIENT_TYPE):
            if key not in properties:
                cursor.refuse(Fault.MISSING, f"PidTag{tags.KNOWN[key][0]} of a recipient", "one without", start)
        kind = properties.value(tags.RECIPIENT_TYPE)
        if kind & 0x0FFFFFFF not in range(4):
            cursor.refuse(Fault.BAD_VALUE, "To, Cc or Bcc (MS-OXOMSG 2.2.3.1)", str(kind), start)
        if properties.value(tags.ROW_ID) in rows:
            cursor.refuse(Fault.TWICE, "a row id of its own", str(properties.value(tags.ROW_ID)), start)
        rows.add(properties.value(tags.ROW_ID))
        return properties

    def _attachment(self, numbers: set[int], depth: int) -> Attachment:
        cursor, start = self._cursor, self._cursor.at
        cursor.u32("NewAttach")
        if self._next() != tags.ATTACH_NUMBER_TAG:
            cursor.refuse(Fault.MISSING, "PidTagAttachNumber first", f"0x{self._next():08X}")
        properties = self._properties.list("attachment")
        message = self._embedded(depth) if self._next() == tags.START_EMBED else None
        self._end(tags.END_ATTACH, start)
        self._suits(properties, message, start)
        if properties.value(tags.ATTACH_NUMBER) in numbers:
            cursor.refuse(Fault.TWICE, "a number of its own", str(properties.value(tags.ATTACH_NUMBER)), start)
        numbers.add(properties.value(tags.ATTACH_NUMBER))
        return Attachment(properties, message)

    def _embedded(self, depth: int) -> StoredProperties:
        start = self._cursor.at
        self._cursor.u32("StartEmbed")
        message = self.message(depth + 1)
        self._end(tags.END_EMBED, start)
        return message

    def _suits(self, properties: Properties, message: StoredProperties | None, start: int) -> None:
        """Method and content of an attachment belong together (MS-OXCMSG 2.2.2.9)."""
        cursor, method = self._cursor, properties.value(tags.ATTACH_METHOD)
        if method is None:
            cursor.refuse(Fault.MISSING, "PidTagAttachMethod", "an attachment without", start)
        if method not in _METHODS:
            cursor.refuse(Fault.BAD_VALUE, "a PidTagAttachMethod from 0 to 7", str(method), start)
        if (method == EMBEDDED) != (message is not None):
            seen = "method 5 without a message" if method == EMBEDDED else f"a message, and method {method}"
            cursor.refuse(Fault.MISSING, "an embedded message and method 5, or neither", seen, start)
        if method in (BY_VALUE, OLE) and tags.ATTACH_DATA not in properties:
            cursor.refuse(Fault.MISSING, "the attachment's data (0x3701)", f"method {method} without", start)

    def _end(self, marker: int, start: int) -> None:
        cursor = self._cursor
        if not cursor.left:
            wanted = f"{tags.MARKERS[marker]} for what begins at {cursor.place(start)}"
            cursor.refuse(Fault.CUT_SHORT, wanted, "the end of the stream")
        if self._next() != marker:
            _not_here(cursor, tags.MARKERS[marker])
        cursor.u32(tags.MARKERS[marker])


def _not_here(cursor: Cursor, wanted: str) -> None:
    tag = int.from_bytes(cursor.peek(4), "little")
    if tag in tags.MARKERS:
        cursor.refuse(Fault.UNBALANCED, wanted, tags.MARKERS[tag])
    if tag >> 16 in tags.META:
        cursor.refuse(Fault.WRONG_ORDER, wanted, tags.META[tag >> 16])
    if wanted == "the end of the message" and cursor.left < 4:
        cursor.refuse(Fault.LEFT_OVER, wanted, f"{cursor.left} more bytes")
    cursor.refuse(Fault.WRONG_ORDER, wanted, f"a property 0x{tag:08X}")
