"""Addresses of a host by way of given resolvers."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.dns.client.query import Server, ask
from mailmove.errors import Blocked


async def resolve_host(host: str, resolvers: Sequence[Server], *, timeout: float = 5.0) -> list[str]:
    """A and AAAA of `host` from the first resolver that knows it, sorted. Blocked: none does."""
    failures = []
    for resolver in resolvers:
        addresses: list[str] = []
        for rtype in ("A", "AAAA"):
            answer = await ask(resolver, f"{host.rstrip('.')}.", rtype, recursive=True, timeout=timeout)
            addresses += answer.values
            failures.append(f"{answer.server}: {answer.error or 'no such record'}")
        if addresses:
            return sorted(addresses)
    raise Blocked(
        "resolvers", wanted=f"the address of {host}", seen="; ".join(failures), todo="Check the name in the plan."
    )
