"""An event in a message whose encoding is not that of its bytes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from mailmove.items.copy.calendar_events import event_fields, event_uid, parts_lost

MESSAGE = (
    (Path(__file__).parents[1] / "recorded" / "11_event_in_an_encoded_message.eml")
    .read_bytes()
    .replace(b"\r\n", b"\n")
    .replace(b"\n", b"\r\n")
)
PLAIN = MESSAGE.partition(b"\r\n\r\n")[2].replace(b"=C3=9C", "Ü".encode())
HEAD = "MIME-Version: 1.0\r\nContent-Type: text/calendar; charset={}\r\nContent-Transfer-Encoding: {}\r\n\r\n"


def test_quoted_printable() -> None:
    assert (event_fields(MESSAGE)["subject"], event_uid(MESSAGE)) == ("Übersicht", "qp@fabrikam.example")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16"])
def test_base64_in_any_charset(charset: str) -> None:
    body = base64.encodebytes(PLAIN.decode().encode(charset)).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert event_fields(HEAD.format(charset, "base64").encode() + body)["subject"] == "Übersicht"


def test_with_an_attachment_beside_it() -> None:
    inner = HEAD.format("utf-8", "8bit").encode() + PLAIN
    mixed = (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n'
        b"\r\nBEGIN:VCALENDAR is what I want to say\r\n--b\r\n"
        + inner.partition(b"\r\n")[2]
        + b"\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n"
        + b"\r\nx\r\n--b--"
    )
    assert event_fields(mixed)["subject"] == "Übersicht"
    assert parts_lost(mixed) == ("the attachment plan.pdf",)
