"""Addresses of a name, as the plan's own resolvers see it: the administrator's laptop may live behind split DNS."""

from __future__ import annotations

import asyncio

from mailmove.dns.client.host_addresses import resolve_host
from tasks.dns.authoritative_check import resolvers_of
from tasks.execution.context import Context


def addresses_of(context: Context, host: str) -> list[str]:
    """IP addresses, sorted. Blocked: no resolver knows the name."""
    return asyncio.run(resolve_host(host, resolvers_of(context)))
