"""What the world sees of a domain's mail today."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.dns.client.query import Answer, Server, ask_all


async def effective_mx(domain: str, resolvers: Sequence[Server], *, timeout: float = 5.0) -> list[Answer]:
    """The MX set as each resolver has it now, in the order of the resolvers."""
    return await ask_all(resolvers, domain.rstrip(".") + ".", "MX", recursive=True, timeout=timeout)
