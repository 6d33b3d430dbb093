"""Fetch an MTA-STS policy file as a sender does (RFC 8461 section 3.3): HTTPS, a good certificate, no redirects."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from mailmove.dns.client.lookups import Lookup
from mailmove.wire.http import client_of_coroutines

_LARGEST = 64 * 1024  # bytes; what RFC 8461 section 3.3 suggests as a limit


@dataclass(frozen=True)
class Fetched:
    """The body of the file, or why there is none. asked: False: nobody told where it lies, so it was not asked for."""

    body: str = ""
    error: str | None = None
    asked: bool = True


Fetch = Callable[[str], Awaitable[Fetched]]
"""`await fetch(domain)`; never raises for trouble on the network."""


def https_fetch(
    lookup: Lookup, *, port: int = 443, context: ssl.SSLContext | None = None, timeout: float = 5.0
) -> Fetch:
    """A fetcher that finds the web server by `lookup`, so that every question goes to the same resolvers.

    context: trusted roots; None: the system's roots. timeout: seconds for each step; twice that for the whole.
    """

    async def fetch(domain: str) -> Fetched:
        host = f"mta-sts.{domain.rstrip('.')}"
        answer = await lookup(host, "A")
        other = answer if answer.values else await lookup(host, "AAAA")
        addresses = [*answer.values] or [f"[{address}]" for address in other.values]
        if not addresses and (error := answer.error or other.error):
            return Fetched(error=f"whether {host} has an address ({error})", asked=False)
        if not addresses:
            return Fetched(error=f"{host} has no address ({answer.rcode})")
        return await _get(host, addresses[0], port, context or ssl.create_default_context(), timeout)

    return fetch


async def _get(host: str, address: str, port: int, context: ssl.SSLContext, timeout: float) -> Fetched:
    url = f"https://{address}:{port}/.well-known/mta-sts.txt"
    try:
        # The address is asked for, the name is what the certificate must be made out to.
        async with client_of_coroutines(context, seconds=2 * timeout, most=_LARGEST, each=timeout) as client:
            response = await client.get(url, headers={"Host": host}, extensions={"sni_hostname": host})
    except (httpx.HTTPError, OSError) as error:
        return Fetched(error=f"{host}: {str(error) or type(error).__name__}")
    if response.status_code != 200:
        return Fetched(error=f"{host} answers {response.status_code}; only 200 counts")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/plain":
        return Fetched(error=f"{host} sends {kind or 'no content type'}; only text/plain counts")
    return Fetched(response.content.decode("utf-8", "replace"))
