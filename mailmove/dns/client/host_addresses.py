"""Addresses of a host by way of given resolvers."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.dns.client.query import Server, ask
from mailmove.errors import Blocked


async def resolve_host(host: str, resolvers: Sequence[Server], *, timeout: float = 5.0) -> list[str]:
    """A and AAAA of `host` from the first resolver that knows it, sorted. Blocked: none does."""
    seen = []
    for resolver in resolvers:
        found: list[str] = []
        for rtype in ("A", "AAAA"):
            answer = await ask(resolver, f"{host.rstrip('.')}.", rtype, recursive=True, timeout=timeout)
            found += answer.values
            seen.append(f"{answer.server}: {answer.error or 'no such record'}")
        if found:
            return sorted(found)
    raise Blocked(
        "resolvers", wanted=f"the address of {host}", seen="; ".join(seen), todo="Check the name in the plan."
    )
