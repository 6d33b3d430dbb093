"""Attachments: as an item lists them, and GetAttachment (MS-OXWSATT).

Size, LastModifiedTime and IsInline came with 2010, IsContactPhoto too (MS-OXWSATT, product behaviour 1 and 2).
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from lab.cloud.item_stream import tags
from lab.cloud.item_stream.stored import Attachment
from lab.exchange.ews.series import is_exception
from lab.exchange.ews.session import Session
from lab.exchange.ews.view import View, view_of
from lab.exchange.ews.xml import Element, EwsError, attribute, each, read_id, stamp, text_of

_REFERENCES = (2, 3, 4, 7)  # PidTagAttachMethod: by reference, and to the web: of no content
_INLINE = 0x00000004  # PidTagAttachFlags: attRenderedInBody
Show = Callable[[View], str]


def attachments_xml(view: View) -> str:
    """The content of t:Attachments."""
    return "".join(
        _attachment(view, number, file, "")
        for number, file in enumerate(view.message.attachments)
        if not is_exception(file) and file.properties.value(tags.ATTACH_METHOD) not in _REFERENCES
    )


def _attachment(view: View, number: int, file: Attachment, content: str) -> str:
    properties = file.properties
    name = properties.text(0x3707) or properties.text(0x3704) or properties.text(0x3001)
    fields: list[tuple[str, str]] = [
        ("Name", name), ("ContentType", properties.text(0x370E)), ("ContentId", properties.text(0x3712)),
        ("ContentLocation", properties.text(0x3713)),
    ]  # fmt: skip
    if view.major >= 14:
        changed = properties.moment(0x3008) or view.received
        inline = bool((properties.value(0x3714) or 0) & _INLINE) or bool(properties.value(0x7FFE))
        fields += [
            ("Size", str(properties.value(0x0E20) or len(properties.value(tags.ATTACH_DATA) or b""))),
            ("LastModifiedTime", stamp(changed) if changed else ""),
            ("IsInline", str(inline).lower()),
        ]
    kind = "ItemAttachment" if file.message is not None else "FileAttachment"
    if kind == "FileAttachment" and view.major >= 14:
        content = f"<t:IsContactPhoto>{str(bool(properties.value(0x7FFF))).lower()}</t:IsContactPhoto>{content}"
    inner = "".join(f"<t:{field}>{text_of(value)}</t:{field}>" for field, value in fields if value)
    return f"<t:{kind}><t:AttachmentId Id={attribute(view.attachment_id(number))}/>{inner}{content}</t:{kind}>"


def get_attachment(session: Session, request: Element, show: Show) -> str:
    """show: writes the item in an attachment, in the AttachmentShape of this request."""

    def attachment_response(reference: Element) -> str:
        view, number = _place(session, reference.get("Id", ""))
        file = view.message.attachments[number]
        if file.message is not None:
            content = show(view.attached(number))
        else:
            data = file.properties.value(tags.ATTACH_DATA)
            if not isinstance(data, bytes):
                raise EwsError("ErrorCannotOpenFileAttachment", "The attachment has no content.")
            content = f"<t:Content>{base64.b64encode(data).decode()}</t:Content>"
        return f"<m:Attachments>{_attachment(view, number, file, content)}</m:Attachments>"

    return each("GetAttachment", request.findall("{*}AttachmentIds/*"), attachment_response)


def _place(session: Session, identifier: str) -> tuple[View, int]:
    """The message that has the attachment, and its number there."""
    parts = read_id(identifier)
    if len(parts) != 5 or parts[0] != "attachment" or not all(part.isdigit() for part in parts[4].split(".")):
        raise EwsError("ErrorInvalidAttachmentId", "The specified attachment Id is invalid.")
    box = session.mailbox(parts[1])
    item = box.items.get(parts[2])
    if item is None:
        raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")
    view = view_of(session, box, item, parts[3])
    *above, number = (int(part) for part in parts[4].split("."))
    for step in above:
        if step >= len(view.message.attachments):
            raise EwsError("ErrorAttachmentNotFound", "The attachment was not found.")
        view = view.attached(step)
    if number >= len(view.message.attachments):
        raise EwsError("ErrorAttachmentNotFound", "The attachment was not found.")
    return view, number
