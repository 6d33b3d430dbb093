"""Probe messages: real mail that shows which route is in use, sent to the MX that each resolver names."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mailmove.dns.client.answer import Server
from mailmove.dns.client.query import ask, ask_all
from mailmove.lists_in_words import some_of

HEADER = "X-Mailmove-Probe"
"""Name of the header by which people, and their rules, distinguish a probe from mail."""


@dataclass(frozen=True)
class Route:
    """A route to the domain: host (MX name), address (IP), and the resolvers that name it (ip:port)."""

    host: str
    address: str
    resolvers: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.host} ({self.address})"

    def __str__(self) -> str:
        return f"{self.name}, which {some_of(self.resolvers, 3)} named"


async def routes(domain: str, resolvers: Sequence[Server]) -> tuple[list[Route], list[str]]:
    """(routes by each different first MX, lines about resolvers without an answer), from every resolver now."""
    named_by: dict[tuple[str, str], list[str]] = {}
    unknown: list[str] = []
    answers = await ask_all(resolvers, f"{domain}.", "MX", recursive=True)
    for server, answer in zip(resolvers, answers, strict=True):
        named = sorted((int(value.split()[0]), value.split()[1].rstrip(".")) for value in answer.values)
        if not named:
            unknown.append(f"{answer.server}: {answer.error or 'no MX record'}")
            continue
        host = named[0][1]
        addresses = (await ask(server, f"{host}.", "A", recursive=True)).values
        if not addresses:
            unknown.append(f"{answer.server}: no address of {host}")
            continue
        named_by.setdefault((host, sorted(addresses)[0]), []).append(answer.server)
    return [Route(host, address, tuple(who)) for (host, address), who in sorted(named_by.items())], unknown


def new_message_id(helo: str) -> str:
    """A Message-ID for a probe. It cannot be guessed, so a message that has it is ours."""
    return f"<mailmove-probe.{secrets.token_hex(12)}@{helo}>"


def probe(message_id: str, *, sender: str, recipient: str, at: datetime) -> bytes:
    """The probe as RFC 5322 bytes. Auto-Submitted prevents automatic replies (RFC 3834)."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Mailmove probe <{sender}>"
    message["To"] = recipient
    message["Subject"] = f"Mailmove probe {message_id[1:-1].partition('.')[2].partition('@')[0]}"
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message[HEADER] = "1"
    message.set_content("Mailmove sent this to see which way mail takes. It is removed again by itself.\n")
    return message.as_bytes()
