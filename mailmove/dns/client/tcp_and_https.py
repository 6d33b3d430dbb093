"""The ways to a server where UDP is of no use: TCP (RFC 7766) and HTTPS (RFC 8484)."""

from __future__ import annotations

import asyncio

import httpx

from mailmove.dns.client.answer import Server
from mailmove.dns.client.messages import Asking, Facts, read_slowly

_MEDIA_TYPE = "application/dns-message"
_LARGEST = 65_535


async def by_tcp(server: Server, asking: Asking, *, edns: bool = True) -> Facts | str:
    """What the server says by TCP, or what was wrong."""
    query = asking.query(edns=edns)
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        return f"unreachable by TCP ({error.strerror or error})"
    try:
        writer.write(len(query.wire).to_bytes(2, "big") + query.wire)
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        return read_slowly(wire, asking, same_id=query.id) or "malformed"
    except (asyncio.IncompleteReadError, OSError):
        return "connection closed"
    finally:
        writer.close()


async def by_https(url: str, asking: Asking, client: httpx.AsyncClient) -> Facts | str:
    """What the resolver at `url` says, with TTLs less the time that the answer spent in HTTP caches."""
    wire = b"\0\0" + asking.query().wire[2:]  # id 0, as RFC 8484 section 4.1 asks
    try:
        response = await client.post(
            url, content=wire, headers={"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}, follow_redirects=False
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"unreachable by HTTPS ({type(error).__name__})"
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if response.status_code != 200 or kind != _MEDIA_TYPE or len(response.content) > _LARGEST:
        return f"no DNS answer by HTTPS (status {response.status_code})"
    facts = read_slowly(response.content, asking, same_id=0)
    if facts is None:
        return "malformed"
    age = response.headers.get("Age", "0")
    if facts.ttl is None or not age.isdigit():
        return facts
    return facts._replace(ttl=max(0, facts.ttl - int(age)))
