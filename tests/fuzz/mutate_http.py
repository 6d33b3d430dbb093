"""Spoil what stands around a body: cut it, change its charset, its status, its headers; or send another body."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace

from answers import JUNK, Answer, Mutation

_STATUSES = (201, 202, 204, 206, 302, 400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 418, 422, 423, 429, 500, 501,
             502, 503, 504, 599)  # fmt: skip
_GONE = {404, 410}
_CODES = ("ErrorItemNotFound", "ResourceNotFound", "TooManyRequests", "InternalServerError", "", "MailboxNotEnabled")
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the guest network</title></head><body><p>Hello<br></body></html>"
_FORMLESS = ("text/plain", "message/", "application/octet-stream", "application/mime")
"""Kinds of content of which nobody can tell whether they are whole."""
_HEADERS = ("Content-Type", "Retry-After", "Date", "Location", "WWW-Authenticate", "ETag", "Replay-Nonce")


def cut(dice: random.Random, answer: Answer) -> Mutation | None:
    """The beginning of a body: with its own length, as a proxy sends it, or with the length of the whole."""
    if len(answer.body) < 2:
        return None
    at = dice.choice((0, 1, len(answer.body) - 1, dice.randrange(len(answer.body))))
    broken = answer.status and dice.random() < 0.2
    spoiled = replace(answer, body=answer.body[:at], promised=len(answer.body) if broken else None)
    honest = at > 0 and not broken and answer.header("Content-Type").startswith(_FORMLESS)
    return Mutation(
        "cut", f"after {at} of {len(answer.body)} bytes{', connection lost' if broken else ''}", spoiled, "", honest
    )


def charset(dice: random.Random, answer: Answer) -> Mutation | None:
    """Bytes of another charset than is said, or another one said than they are in."""
    text = answer.body.decode("utf-8", "replace")
    kind = answer.header("Content-Type").partition(";")[0] or "text/xml"
    choice = dice.randrange(5)
    if choice == 0:
        return Mutation("charset", "UTF-16 instead of UTF-8", replace(answer, body=text.encode("utf-16")))
    if choice == 1:
        return Mutation("charset", "a byte order mark", replace(answer, body=b"\xef\xbb\xbf" + answer.body))
    if choice == 2:
        at = dice.randrange(len(answer.body) + 1)
        spoiled = replace(answer, body=answer.body[:at] + b"\xe9" + answer.body[at:])
        return Mutation("charset", f"0xE9 at {at}", spoiled, _property_at(answer.body, at))
    if choice == 3 and answer.status:
        name = dice.choice(("utf-16", "iso-2022-jp", "ebcdic-cp-us", "x-nonsense", "utf-7"))
        return Mutation("charset", f"said to be {name}", answer.with_header("Content-Type", f"{kind}; charset={name}"))
    return Mutation("charset", "UTF-32", replace(answer, body=text.encode("utf-32")))


def status(dice: random.Random, answer: Answer) -> Mutation | None:
    if not answer.status:
        return None
    number = dice.choice(_STATUSES)
    form = dice.randrange(3)
    body = answer.body if form == 0 else b"" if form == 1 else _refusal(dice)
    if number == 204:
        body = b""
    headers = answer
    if number in (429, 503) and dice.random() < 0.7:
        headers = answer.with_header("Retry-After", dice.choice(("0", "1", "-5", "x", "1e309", "nan", "")))
    return Mutation("status", str(number), replace(headers, status=number, body=body), honest=number in _GONE)


def _refusal(dice: random.Random) -> bytes:
    error: object = {"code": dice.choice(_CODES), "message": "no"}
    return json.dumps({"error": dice.choice((error, "no", None, [], {"code": 7}))}).encode()


def header(dice: random.Random, answer: Answer) -> Mutation | None:
    if not answer.status:
        return None
    name = dice.choice(_HEADERS)
    value = dice.choice((None, *JUNK))
    if value is not None:
        value = (
            "".join(letter for letter in value if letter.isprintable()).encode("latin-1", "replace").decode("latin-1")
        )
    return Mutation("header", f"{name}: {value!r:.60}", answer.with_header(name, value), name)


def other(dice: random.Random, answer: Answer) -> Mutation | None:
    """Something else answers: a web page of a guest network, nothing, another format."""
    body = dice.choice((b"", b" ", b"\0\0\0\0", _PAGE, b"null", b"[]", b"{}", b'"x"', b"7", b"<a/>",
                        b'<?xml version="1.0"?>', b"\x1f\x8b\x08\x00rubbish"))  # fmt: skip
    return Mutation("other body", repr(body[:30]), replace(answer, body=body))


def _property_at(body: bytes, at: int) -> str:
    """Name of the JSON property in whose text this byte lies; "": in none."""
    inside = re.search(rb'"(\w+)": ?"[^"]*$', body[:at])
    return inside[1].decode() if inside else ""
