"""What sends: questions by port 53, by TCP alone, and whole messages for flags that an `Answer` does not have."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

import dns.exception
import dns.message

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many
from mailmove.dns.client.messages import ParsedAnswer, QuestionCodec
from mailmove.dns.client.rate_limit import QueryPace
from mailmove.dns.client.tcp_and_https import by_tcp


class AskMany(Protocol):
    def __call__(
        self, questions: Sequence[DnsQuestion], *, timeout: float, pace: QueryPace | None
    ) -> Awaitable[list[Answer]]: ...


class ByTcp(Protocol):
    def __call__(self, server: Server, codec: QuestionCodec) -> Awaitable[ParsedAnswer | str]: ...


class Exchange(Protocol):
    def __call__(
        self, server: Server, message: dns.message.Message, *, timeout: float, tcp: bool
    ) -> Awaitable[dns.message.Message | None]: ...


async def exchange(
    server: Server, message: dns.message.Message, *, timeout: float, tcp: bool
) -> dns.message.Message | None:
    """The whole answer of a server; None: none came. tcp: not by UDP first."""
    from dns import asyncquery  # brings an HTTP client with it

    address, port = server
    try:
        if tcp:
            return await asyncquery.tcp(message, address, timeout, port)
        return (await asyncquery.udp_with_fallback(message, address, timeout, port))[0]
    except (dns.exception.DNSException, OSError, EOFError):
        return None


@dataclass(frozen=True)
class Wire:
    """The network as it is; another one in tests."""

    ask_many: AskMany = ask_many
    by_tcp: ByTcp = by_tcp
    exchange: Exchange = exchange
