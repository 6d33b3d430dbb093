"""Signed and encrypted mail: one attachment that holds what was signed or encrypted, to the byte (MS-OXOSMIME 2.1.3).

What EWS shows of such a message is taken out of the signed content; the signature holds for its MIME alone.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re

from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.item import StreamAttachment, by_value
from mailmove.items.stream.known.parts import ATTACHMENT

_BY_TITLE = {known.title: known for known in ATTACHMENT}
_MIME_TAG, _FILE_NAME = _BY_TITLE["PidTagAttachMimeTag"], _BY_TITLE["PidTagAttachFilename"]
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:.*(?:\r?\n[ \t].*)*))(?:\r?\n|\Z)", re.MULTILINE)
NAME = "SMIME.p7m"


def is_protected(item_class: str) -> bool:
    """Is it a class of signed or encrypted mail?"""
    words = item_class.upper().split(".")
    return words[:3] == ["IPM", "NOTE", "SMIME"]


def protected_content(mime: bytes) -> StreamAttachment:
    """mime: the whole message, as EWS gives its MimeContent. ItemUnwritable: nothing in it is signed or encrypted."""
    end = _END_OF_HEAD.search(mime)
    if end is None:
        raise _fault("a message without an end of its head")
    head, body = mime[: end.start()], mime[end.end() :]
    fields = [match for match in _FIELD.finditer(head) if match.group(1).lower().startswith(b"content-")]
    values = {match.group(1).lower(): match.group(2) for match in fields}
    kind = values.get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind == b"multipart/signed":
        content = b"".join(match.group(0).rstrip(b"\r\n") + b"\r\n" for match in fields) + b"\r\n" + body
    elif kind in (b"application/pkcs7-mime", b"application/x-pkcs7-mime"):
        content = _decoded(body, values.get(b"content-transfer-encoding", b"7bit").strip().lower())
    else:
        raise _fault(f"a message of type '{kind.decode('ascii', 'replace')}'")
    return by_value(NAME, content, more={_MIME_TAG: kind.decode("ascii"), _FILE_NAME: NAME})


def _decoded(body: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        try:
            return base64.b64decode(b"".join(body.split()), validate=True)
        except binascii.Error:
            raise _fault("base64 that is none") from None
    return quopri.decodestring(body) if encoding == b"quoted-printable" else body


def _fault(seen: str) -> Exception:
    return unwritable("what was signed or encrypted", seen, "NotProtected")
