"""What counts as the content of an item: nothing empty is ever sent, stored or counted as copied."""

from __future__ import annotations

import binascii
import re

_FIELD = re.compile(rb"\A[!-9;-~]+[ \t]*:")
"""The beginning of a header field (RFC 5322 section 2.2), or of a property of iCalendar or vCard."""
NONE = "it came without content"


def lack_of(mime: bytes) -> str:
    """Why these bytes are no message and no event; "": they are one. RFC 5322, iCalendar or vCard."""
    text = mime.lstrip()
    if not text:
        return NONE
    return "" if _FIELD.match(text) else "what came is no message: it has no header"


def lack_of_base64(text: str | None) -> str:
    """The same for content in base64; what is no base64 is no content."""
    if not text:
        return NONE
    try:
        return lack_of(binascii.a2b_base64(text, strict_mode=True))
    except (binascii.Error, ValueError):
        return "what came is no base64"
