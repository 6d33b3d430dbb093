"""EWS on the wire: namespaces, identifiers, errors, and the small pieces every operation is written with."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NS = {"m": MESSAGES, "t": TYPES, "s": SOAP}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML 1.0 cannot say. Exchange writes a reference to it all the same (ews-java-api 233, exchangelib 1200)."""

Element = etree._Element


class EwsError(Exception):
    """An answer that is an error: a response code of EWS, in a response message or (`fault`) for the whole request."""

    def __init__(self, code: str, text: str, *, fault: bool = False, back_off: int | None = None) -> None:
        super().__init__(text)
        self.code, self.text, self.fault, self.back_off = code, text, fault, back_off


def text_of(value: str) -> str:
    """Text for an element."""
    return _FORBIDDEN.sub(lambda match: f"&#x{ord(match[0]):X};", escape(value))


def attribute(value: str) -> str:
    """A quoted attribute value."""
    return _FORBIDDEN.sub(lambda match: f"&#x{ord(match[0]):X};", quoteattr(value))


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_id(*parts: str) -> str:
    """An opaque identifier, as Exchange's: base64."""
    return base64.b64encode("\n".join(parts).encode()).decode()


def read_id(identifier: str) -> list[str]:
    """The parts that `make_id` put together. EwsError: not an identifier of this server."""
    try:
        return base64.b64decode(identifier, validate=True).decode().split("\n")
    except ValueError:
        raise EwsError("ErrorInvalidIdMalformed", "Id is malformed.") from None


def success(operation: str, inner: str) -> str:
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
        f"{inner}</m:{operation}ResponseMessage>"
    )


def page_xml(container: str, inner: str, after: int, total: int) -> str:
    """A page of folders or items; `after` is the offset of the next one."""
    return (
        f'<m:RootFolder IndexedPagingOffset="{after}" TotalItemsInView="{total}" '
        f'IncludesLastItemInRange="{str(after >= total).lower()}"><t:{container}>{inner}</t:{container}></m:RootFolder>'
    )


def failure(operation: str, error: EwsError) -> str:
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Error"><m:MessageText>{text_of(error.text)}'
        f"</m:MessageText><m:ResponseCode>{error.code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>"
        f"</m:{operation}ResponseMessage>"
    )


def each(operation: str, elements: Iterable[Element], respond: Callable[[Element], str]) -> str:
    """One response message per element: what `respond` makes of it, or its EwsError."""
    answers = []
    for element in elements:
        try:
            answers.append(success(operation, respond(element)))
        except EwsError as error:
            if error.fault:
                raise
            answers.append(failure(operation, error))
    return "".join(answers)


def local(element: Element) -> str:
    """Tag without its namespace."""
    return etree.QName(element).localname


def find(element: Element, path: str) -> Element | None:
    return element.find(path, NS)


def find_text(element: Element, path: str) -> str | None:
    child = element.find(path, NS)
    return None if child is None else child.text or ""


def envelope(header: str, body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault(error: EwsError) -> str:
    """A SOAP fault as Exchange writes it; a busy server says for how long in BackOffMilliseconds."""
    detail = ""
    if error.back_off is not None:
        detail = (
            f'<t:MessageXml xmlns:t="{TYPES}"><t:Value Name="BackOffMilliseconds">{error.back_off}</t:Value>'
            "</t:MessageXml>"
        )
    return (
        f'<s:Fault><faultcode xmlns:a="{TYPES}">a:{error.code}</faultcode><faultstring xml:lang="en-US">'
        f'{text_of(error.text)}</faultstring><detail><e:ResponseCode xmlns:e="{ERRORS}">{error.code}</e:ResponseCode>'
        f'<e:Message xmlns:e="{ERRORS}">{text_of(error.text)}</e:Message>{detail}</detail></s:Fault>'
    )
