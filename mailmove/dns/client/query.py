"""Ask name servers, with retries; a packet that is not the answer is never taken for it."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many
from mailmove.plan.public_resolvers import doh_url

__all__ = ["Answer", "Server", "ask", "ask_all"]


async def ask(server: Server, name: str, rtype: str, *, recursive: bool, timeout: float = 5.0) -> Answer:
    """Ask one server for one record set; `timeout` is for all tries together, in seconds.

    UDP, sent three times, then TCP if the answer is truncated (RFC 7766); DNS over HTTPS where port 53 is silent and
    the shipped list knows the resolver's URL. Never raises for trouble on the network: that is `Answer.error`.
    """
    [answer] = await ask_all([server], name, rtype, recursive=recursive, timeout=timeout)
    return answer


async def ask_all(
    servers: Sequence[Server], name: str, rtype: str, *, recursive: bool, timeout: float = 5.0
) -> list[Answer]:
    """Ask many servers at once; the answers come in the order of the servers."""
    return await ask_many(
        [
            DnsQuestion(server, name, rtype, recursive, doh_url(server[0]) if recursive and server[1] == 53 else None)
            for server in servers
        ],
        timeout=timeout,
    )
