"""What the lab's cloud files of an imported message: MIME, as its other views read it, and which kind of item it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from lab.cloud.item_stream import tags
from lab.cloud.item_stream.checks import CLEAN_ID, END, GLOBAL_ID, RECURRING, START
from lab.cloud.item_stream.contact_addresses import read_email_blocks
from lab.cloud.item_stream.from_item import MIME_SKELETON
from lab.cloud.item_stream.global_object_id import read_global_object_id
from lab.cloud.item_stream.stored import Attachment, Properties, StoredProperties
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime

UNSENT = 0x0008
_KINDS = {
    "ipm.appointment": "event", "ipm.contact": "contact", "ipm.distlist": "list", "ipm.task": "task",
    "ipm.stickynote": "note", "ipm.activity": "journal",
}  # fmt: skip
_FIELDS = {1: "To", 2: "Cc", 3: "Bcc"}


@dataclass(frozen=True)
class Filed:
    """kept: the properties, without what only carries the MIME."""

    mime: bytes
    kind: str
    received: datetime
    draft: bool
    kept: StoredProperties


def kind_of(message_class: str) -> str:
    """event, contact, list, task, note, journal; message: everything else, as in a mail folder."""
    name = message_class.lower()
    return next((kind for prefix, kind in _KINDS.items() if name == prefix or name.startswith(f"{prefix}.")), "message")


def filed(message: StoredProperties) -> Filed:
    properties = message.properties
    kind = kind_of(message.message_class)
    own = properties.value(MIME_SKELETON)
    make = {"event": _event, "contact": _contact}.get(kind, _message)
    mime = own if isinstance(own, bytes) and own else make(message)
    kept = Properties({key: value for key, value in properties.items() if key != MIME_SKELETON})
    received = properties.moment(0x0E06) or properties.moment(0x3007) or datetime.now(UTC)
    draft = bool((properties.value(0x0E07) or 0) & UNSENT) and kind == "message"
    rest = StoredProperties(kept, message.recipients, message.attachments, message.dn_prefix, message.version)
    return Filed(mime, kind, received, draft, rest)


def uid_of(properties: Properties) -> str:
    """iCalUId: the uid inside a global object id, or the id itself in hex (MS-OXCICAL 2.1.3.1.1.20.26)."""
    blob = properties.value(CLEAN_ID) or properties.value(GLOBAL_ID)
    if not isinstance(blob, bytes):
        return ""
    return read_global_object_id(blob).uid or blob.hex().upper()


def _event(message: StoredProperties) -> bytes:
    properties = message.properties
    start = properties.moment(START) or datetime(1601, 1, 1, tzinfo=UTC)
    end = properties.moment(END) or start + timedelta(minutes=30)
    subject = _line(properties.text(0x0037))
    return event_mime(EventParts(_line(uid_of(properties)), subject, start, end, bool(properties.value(RECURRING))))


def _contact(message: StoredProperties) -> bytes:
    properties = message.properties
    emails = read_email_blocks(properties)
    name = properties.text(0x3001) or properties.text(0x0037)
    return contact_mime(ContactParts(_line(name), _line(emails[0].address) if emails else ""))


def _line(text: str) -> str:
    return " ".join(text.split("\r\n")).replace("\n", " ").replace("\r", " ")


def _message(message: StoredProperties) -> bytes:
    """MIME from properties, as MS-OXCMAIL 2.2 tells: headers, bodies, attachments, messages in it."""
    head = _head(message)
    if message.message_class.lower().startswith("ipm.note.smime") and len(message.attachments) == 1:
        content = message.attachments[0].properties.value(tags.ATTACH_DATA)
        if isinstance(content, bytes) and content.lower().startswith((b"content-", b"mime-version")):
            return head + content  # a signed entity is kept whole (MS-OXOSMIME 2.1.3)
    body = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    text, html = message.properties.value(0x1000), message.properties.value(0x1013)
    body.set_content(text or "", charset="utf-8", cte="base64")
    if isinstance(html, bytes):
        body.add_alternative(html.decode("utf-8", "replace"), subtype="html", charset="utf-8", cte="base64")
    for attachment in message.attachments:
        _attach(body, attachment)
    return head + body.as_bytes()


def _attach(body: EmailMessage, attachment: Attachment) -> None:
    properties = attachment.properties
    name = _line(properties.text(0x3707) or properties.text(0x3704) or properties.text(0x3001)) or "attachment"
    content = properties.value(tags.ATTACH_DATA)
    if attachment.message is not None:
        content, kind = _message(attachment.message), "application/octet-stream"
        name = f"{name}.eml"
    else:
        kind = properties.text(0x370E)
    main, slash, sub = kind.partition("/")
    if not (slash and main.isascii() and sub.isascii() and main.isalnum()) or main in ("multipart", "message", "text"):
        main, sub = "application", "octet-stream"
    body.add_attachment(content or b"", maintype=main, subtype=sub, filename=name)


def _head(message: StoredProperties) -> bytes:
    properties = message.properties
    sent = properties.moment(0x0039) or properties.moment(0x0E06)
    lines = [("From", _person(properties.text(0x0042), properties.text(0x5D02) or properties.text(0x0065)))]
    for kind, field in _FIELDS.items():
        people = [row for row in message.recipients if row.value(tags.RECIPIENT_TYPE) & 0xF == kind]
        texts = [_person(row.text(0x3001), row.text(0x39FE) or row.text(0x3003)) for row in people]
        lines.append((field, ", ".join(texts)))
    lines.append(("Subject", _word(properties.text(0x0037))))
    lines.append(("Date", format_datetime(sent) if sent else ""))
    lines.append(("Message-ID", _line(properties.text(0x1035))))
    return "".join(f"{name}: {text}\r\n" for name, text in lines if text).encode("ascii", "replace")


def _word(text: str) -> str:
    text = _line(text)
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=200).encode()


def _person(name: str, address: str) -> str:
    shown = _word(name)
    if shown == name and any(letter in name for letter in '",;<>@()[]:\\.'):
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{shown} <{_line(address)}>" if address and name and name != address else _line(address) or shown
