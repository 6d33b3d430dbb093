"""Items as bytes: writes the MIME of messages, events and contacts, and reads back what their keys are made of.

An event is an RFC 5322 message of type text/calendar (RFC 5545), a contact one of type text/vcard (RFC 6350); both
bodies are UTF-8, unfolded, with the properties that matter one to a line.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr

Attachment = tuple[str, bytes]
"""(file name, content as base64 lines)."""


@dataclass(frozen=True)
class EventParts:
    """Fields of an event. `start` and `end` are in UTC."""

    uid: str
    subject: str
    start: datetime
    end: datetime
    recurring: bool


@dataclass(frozen=True)
class ContactParts:
    name: str
    email: str


def _word(text: str) -> str:
    """A header value, RFC 2047 where it is not ASCII."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=200).encode()


def _base64_lines(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def message_mime(
    *,
    sender: tuple[str, str],
    to: list[tuple[str, str]],
    subject: str,
    text: str,
    date: datetime,
    message_id: str,
    html: bool = False,
    attachment: Attachment | None = None,
) -> bytes:
    """A message; people are (display name, address). An empty `message_id` leaves the header out."""
    head = [
        f"From: {formataddr(sender)}",
        f"To: {', '.join(formataddr(person) for person in to)}",
        f"Subject: {_word(subject)}",
        f"Date: {format_datetime(date)}",
        *([f"Message-ID: {message_id}"] if message_id else []),
        "MIME-Version: 1.0",
    ]
    plain = _part("text/plain", text)
    body = _multipart("alternative", [plain, _part("text/html", f"<p>{text}</p>")]) if html else plain
    if attachment:
        name, lines = attachment
        extra = (
            f'Content-Type: application/octet-stream; name="{_word(name)}"\r\n'
            f'Content-Disposition: attachment; filename="{_word(name)}"\r\n'
            "Content-Transfer-Encoding: base64\r\n\r\n"
        ).encode() + lines
        body = _multipart("mixed", [body, extra])
    return "\r\n".join(head).encode() + b"\r\n" + body


def _part(kind: str, text: str) -> bytes:
    head = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + _base64_lines(text.encode())


def _multipart(kind: str, parts: list[bytes]) -> bytes:
    mark = f"=_{kind}_boundary"
    joined = b"".join(b"--" + mark.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n\r\n'.encode() + joined + f"--{mark}--\r\n".encode()


def event_mime(parts: EventParts) -> bytes:
    stamp = "%Y%m%dT%H%M%SZ"
    lines = [
        f"Subject: {_word(parts.subject)}",
        "MIME-Version: 1.0",
        "Content-Type: text/calendar; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Mailmove//Lab//EN",
        "BEGIN:VEVENT",
        f"UID:{parts.uid}",
        f"SUMMARY:{parts.subject}",
        f"DTSTART:{parts.start.astimezone(UTC).strftime(stamp)}",
        f"DTEND:{parts.end.astimezone(UTC).strftime(stamp)}",
        *(["RRULE:FREQ=WEEKLY;COUNT=52"] if parts.recurring else []),
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


def contact_mime(parts: ContactParts) -> bytes:
    lines = [
        f"Subject: {_word(parts.name)}",
        "MIME-Version: 1.0",
        "Content-Type: text/vcard; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "BEGIN:VCARD",
        "VERSION:4.0",
        f"FN:{parts.name}",
        f"EMAIL:{parts.email}",
        "END:VCARD",
        "",
    ]
    return "\r\n".join(lines).encode()


def _line(mime: bytes, name: str) -> str:
    match = re.search(rb"^" + name.encode() + rb"(?:;[^:\r\n]*)?:([^\r\n]*)", mime, re.MULTILINE)
    return match[1].decode("utf-8", "replace") if match else ""


def event_parts(mime: bytes) -> EventParts:
    """Read an event. ValueError: it has no start."""
    start = datetime.strptime(_line(mime, "DTSTART"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    end_text = _line(mime, "DTEND")
    end = datetime.strptime(end_text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if end_text else start
    return EventParts(_line(mime, "UID"), _line(mime, "SUMMARY"), start, end, b"\nRRULE:" in mime)


def contact_parts(mime: bytes) -> ContactParts:
    return ContactParts(_line(mime, "FN"), _line(mime, "EMAIL"))


def payload(mime: bytes) -> bytes:
    """What follows the header."""
    return mime.partition(b"\r\n\r\n")[2]
