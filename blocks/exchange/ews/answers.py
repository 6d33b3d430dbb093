"""The one reader of EWS's answers: bytes from the wire to response messages, or a `MailmoveError`.

What Exchange really sends is read on: it writes characters that XML 1.0 forbids as references (`&#x1A;`, ews-java-api
233), which become U+FFFD. What is no answer of EWS (a page of HTML, a torn answer, an empty body) is AnswerUnreadable,
and a fault is an error whatever status it came with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from blocks.exchange.ews.request_xml import MESSAGES, TYPES
from blocks.exchange.ews.response_codes import BUSY, error_of
from mailmove.errors import AnswerUnreadable, Blocked, MailmoveError, SignInRefused, Throttled

T, M = f"{{{TYPES}}}", f"{{{MESSAGES}}}"
BACK_OFF = 5.0
"""Seconds to wait for a busy server that names no time."""
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
_RAW = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_REPLACEMENT = b"&#xFFFD;"
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Speaker:
    """Who is asked for what, for the words of an error."""

    who: str
    wanted: str

    def unreadable(self, seen: str) -> AnswerUnreadable:
        todo = "Ask again; if it stays so, open the address in a browser and see the server's event log."
        return AnswerUnreadable(self.who, wanted=self.wanted, seen=seen, todo=todo)

    def error(self, code: str, text: str, wait: float = BACK_OFF) -> MailmoveError:
        return error_of(self.who, self.wanted, code, text, wait)


@dataclass(frozen=True)
class ResponseMessage:
    """What was answered for one thing that was asked for. element: its content is read by whoever asked."""

    ok: bool
    code: str
    text: str
    element: Any

    @property
    def words(self) -> str:
        """The server's."""
        return ": ".join(part for part in (self.code, self.text) if part) or "an answer that is neither yes nor no"


@dataclass(frozen=True)
class Answer:
    """version: (major, minor) of the server; None: it does not say. messages: at least one."""

    speaker: Speaker
    version: tuple[int, int] | None
    messages: tuple[ResponseMessage, ...]

    def only(self) -> Any:
        """The content of the one message there must be. An error that it is, is raised."""
        if len(self.messages) != 1:
            raise self.speaker.unreadable(f"{len(self.messages)} answers to one question")
        [message] = self.messages
        if not message.ok:
            raise self.speaker.error(message.code, message.text)
        return message.element


def read_answer(speaker: Speaker, operation: str, status: int, content: bytes) -> Answer:
    """operation: what was asked, 'GetItem'. status: of HTTP. Errors: for the request as a whole."""
    if status == 401:
        raise SignInRefused(
            speaker.who,
            wanted=speaker.wanted,
            seen="the sign-in is not accepted (HTTP 401)",
            todo="Check name and password, and that this kind of sign-in is switched on for EWS.",
        )
    tree = _tree(speaker, status, content)
    body = _child(tree, "Body") if etree.QName(tree).localname == "Envelope" else None
    if body is None:
        raise speaker.unreadable(f"HTTP {status}, no SOAP: {_words(content)}")
    fault = _child(body, "Fault")
    if fault is not None:
        raise _fault(speaker, fault)
    response = next(body.iterchildren(f"{M}{operation}Response"), None)
    if status != 200 or response is None:
        raise speaker.unreadable(f"HTTP {status}, no answer to {operation} in the SOAP body")
    messages = tuple(_messages(speaker, operation, response))
    codes = {message.code for message in messages}
    if codes <= BUSY:  # a server may also say of each thing asked for that it is busy
        raise speaker.error(codes.pop(), messages[0].text)
    return Answer(speaker, _version(tree), messages)


def _tree(speaker: Speaker, status: int, content: bytes) -> Any:
    try:
        return etree.fromstring(content, _parser())
    except (etree.XMLSyntaxError, ValueError):
        try:
            return etree.fromstring(_sayable(content), _parser())
        except (etree.XMLSyntaxError, ValueError, LookupError):
            raise _no_xml(speaker, status, content) from None


def _sayable(content: bytes) -> bytes:
    """U+FFFD for references to characters that XML 1.0 does not have, and for the characters themselves."""
    content = _REFERENCE.sub(lambda match: match[0] if _is_character(match) else _REPLACEMENT, content)
    return _RAW.sub(_REPLACEMENT, content) if b"\x00" not in content[:4] else content  # UTF-16 is full of zeros


def _is_character(match: re.Match[bytes]) -> bool:
    """Char of XML 1.0, section 2.2."""
    digits, base = (match[1], 16) if match[1] else (match[2], 10)
    number = int(digits[:20], base)
    return (
        number in (0x9, 0xA, 0xD)
        or 0x20 <= number <= 0xD7FF
        or 0xE000 <= number <= 0xFFFD
        or 0x10000 <= number <= 0x10FFFF
    )


def _no_xml(speaker: Speaker, status: int, content: bytes) -> MailmoveError:
    seen = f"HTTP {status}, no SOAP: {_words(content)}"
    if status in (429, 503):
        return Throttled(
            speaker.who, wanted=speaker.wanted, seen=seen, todo="Ask again later.", retry_after=BACK_OFF, code=None
        )
    if status in (403, 404, 405):
        todo = "Check that the address is the server's EWS, and that nothing in between closes it."
        return Blocked(speaker.who, wanted=speaker.wanted, seen=seen, todo=todo)
    return speaker.unreadable(seen)


def _words(content: bytes) -> str:
    """The beginning of what is no SOAP, without its markup."""
    text = " ".join(_MARKUP.sub(" ", content[:4000].decode("utf-8", "replace")).split())
    return text[:200] if text else "nothing" if not content.strip() else f"{len(content)} bytes without a word"


def _fault(speaker: Speaker, fault: Any) -> MailmoveError:
    code = _text(fault, "{*}ResponseCode") or (_text(fault, "{*}faultcode", "{*}Value")).rpartition(":")[2]
    text = _text(fault, "{*}faultstring", "{*}Text") or _text(fault, "{*}Message")
    waits = [number(value.text) for value in fault.iter("{*}Value") if value.get("Name") == "BackOffMilliseconds"]
    wait = waits[0] if waits else None
    return speaker.error(code, text, BACK_OFF if wait is None else wait / 1000)


def _messages(speaker: Speaker, operation: str, response: Any) -> Iterator[ResponseMessage]:
    container = _child(response, "ResponseMessages")
    elements = [] if container is None else list(container.iterchildren(etree.Element))
    if not elements or any(element.tag != f"{M}{operation}ResponseMessage" for element in elements):
        raise speaker.unreadable(f"no response messages in the answer to {operation}")
    for element in elements:
        code = (element.findtext(f"{M}ResponseCode") or "").strip()
        # A Warning is no yes: "ErrorBatchProcessingStopped" says that it was not processed.
        ok = element.get("ResponseClass") == "Success" and code in ("NoError", "")
        text = " ".join((element.findtext(f"{M}MessageText") or "").split())[:300]
        yield ResponseMessage(ok, "" if code == "NoError" else code, text, element)


def _version(tree: Any) -> tuple[int, int] | None:
    info = next(tree.iter(f"{T}ServerVersionInfo"), None)
    major, minor = (
        (None, None) if info is None else (number(info.get("MajorVersion")), number(info.get("MinorVersion")))
    )
    return None if major is None or minor is None else (major, minor)


def number(text: str | None) -> int | None:
    """A count, as xs:int; None: it is none."""
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _child(element: Any, name: str) -> Any:
    return next(element.iterchildren(f"{{*}}{name}"), None)


def _text(element: Any, *names: str) -> str:
    """Text of the first element of these names; "" where there is none."""
    return next((text for text in ((inner.text or "").strip() for inner in element.iter(*names)) if text), "")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
