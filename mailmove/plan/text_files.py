"""The text of a file that somebody else's editor or shell has written: UTF-8, or UTF-16 as PowerShell's `>` writes."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks -> codec; UTF-32's little one begins with UTF-16's."""


def text_of(content: bytes) -> str:
    """The text. UnicodeDecodeError: it is neither; its reason names the line, and the letter that is meant, probably.

    Without a mark, a zero byte beside the first letter says which UTF-16 it is: a plan begins with an ASCII letter.
    """
    for mark, codec in _MARKS:
        if content.startswith(mark):
            return content.decode(codec)
    if len(content) > 1 and 0 in content[:2]:
        return content.decode("utf-16-be" if content[0] == 0 else "utf-16-le")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        letter = content[error.start : error.start + 1].decode("cp1252", "replace")
        reason = f"line {line} is not UTF-8: byte 0x{content[error.start]:02x}, which is {letter!r} in Windows-1252"
        raise UnicodeDecodeError("utf-8", content, error.start, error.end, reason) from error
