"""An EWS that answers with recorded bytes."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from pydantic import SecretStr

from blocks.exchange.ews.answers import Speaker
from blocks.exchange.ews.soap import EwsConnections
from mailmove.items.item import Item

BOX = "anna@kunde.example"
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header>'
    '<t:ServerVersionInfo MajorVersion="8" MinorVersion="3"/></s:Header><s:Body>{}</s:Body></s:Envelope>'
)


class RecordedEws(EwsConnections):
    """answer: request -> (status, body)."""

    def __init__(self, answer: Callable[[bytes], tuple[int, bytes]]) -> None:
        context = ssl.create_default_context()
        super().__init__("https://ews.example/", "a", SecretStr("b"), "basic", context, sleep=self._skip)
        self._answer = answer
        self.slept: list[float] = []
        self.asked = 0

    def _skip(self, seconds: float) -> None:
        self.slept.append(seconds)

    def _post(self, speaker: Speaker, content: bytes) -> tuple[int, bytes]:
        self.asked += 1
        return self._answer(content)


def always(body: str, status: int = 200) -> RecordedEws:
    """body: what stands in the SOAP body."""
    content = ENVELOPE.format(body).encode()
    return RecordedEws(lambda _: (status, content))


def items(*identities: str) -> list[Item]:
    return [Item(id=identity, folder=("Inbox",), kind="message", subject=identity) for identity in identities]


def answers(operation: str, *messages: str) -> str:
    """messages: what stands in each ResponseMessage; one that is a code alone is an error."""
    inner = "".join(
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{message}'
        f"</m:{operation}ResponseMessage>"
        if message.startswith("<")
        else f'<m:{operation}ResponseMessage ResponseClass="Error"><m:MessageText>in words</m:MessageText>'
        f"<m:ResponseCode>{message}</m:ResponseCode></m:{operation}ResponseMessage>"
        for message in messages
    )
    return f"<m:{operation}Response><m:ResponseMessages>{inner}</m:ResponseMessages></m:{operation}Response>"


def mail(identity: str, content: str | None = "U3ViamVjdDogYQ0KDQphDQo=") -> str:
    inner = "" if content is None else f"<t:MimeContent>{content}</t:MimeContent>"
    return f'<m:Items><t:Message><t:ItemId Id="{identity}"/>{inner}</t:Message></m:Items>'
