"""Addresses of a host by way of given resolvers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mailmove.dns.client.lanes import Ways
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.client.query import Answer, Server
from mailmove.errors import Blocked


async def resolve_host(
    host: str, resolvers: Sequence[Server], *, timeout: float = 5.0, ways: Ways | None = None
) -> list[str]:
    """A and AAAA of `host` from the first resolver that knows it, sorted. Blocked: none does.

    Where the first that answers knows no address the others are asked, all at once: one may know an inside name.
    """
    name = f"{host.rstrip('.')}."
    async with Lookups(resolvers, timeout=timeout, ways=ways) as lookups:
        answers = list(await asyncio.gather(lookups.get(name, "A"), lookups.get(name, "AAAA")))
        if addresses := _addresses(answers):
            return addresses
        for several in await lookups.everybody(name, ("A", "AAAA")):
            if addresses := _addresses(several):
                return addresses
            answers += several
    failures = dict.fromkeys(f"{answer.server}: {answer.error or 'no such record'}" for answer in answers)
    raise Blocked(
        "resolvers", wanted=f"the address of {host}", seen="; ".join(failures), todo="Check the name in the plan."
    )


def _addresses(answers: Sequence[Answer]) -> list[str]:
    return sorted(value for answer in answers for value in answer.values)
