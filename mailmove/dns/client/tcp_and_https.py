"""Ask a server by TCP (RFC 7766) and by HTTPS (RFC 8484), where UDP is of no use."""

from __future__ import annotations

import asyncio

import httpx

from mailmove.dns.client.answer import Server
from mailmove.dns.client.messages import ParsedAnswer, QuestionCodec, parse_answer

_MEDIA_TYPE = "application/dns-message"
LARGEST = 65_535
"""Bytes of the largest DNS message."""


async def by_tcp(server: Server, codec: QuestionCodec, *, edns: bool = True) -> ParsedAnswer | str:
    """The server's answer by TCP, or what was wrong."""
    query = codec.query(edns=edns)
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        return f"unreachable by TCP ({error.strerror or error})"
    try:
        writer.write(len(query.wire).to_bytes(2, "big") + query.wire)
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        return parse_answer(wire, codec, same_id=query.id) or "malformed"
    except (asyncio.IncompleteReadError, OSError):
        return "connection closed"
    finally:
        writer.close()


async def by_https(url: str, codec: QuestionCodec, client: httpx.AsyncClient) -> ParsedAnswer | str:
    """The answer of the resolver at `url`, with TTLs less the time that the answer spent in HTTP caches."""
    wire = b"\0\0" + codec.query().wire[2:]  # id 0, as RFC 8484 section 4.1 asks
    try:
        response = await client.post(
            url, content=wire, headers={"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}, follow_redirects=False
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"unreachable by HTTPS ({type(error).__name__})"
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if response.status_code != 200 or kind != _MEDIA_TYPE or len(response.content) > LARGEST:
        return f"no DNS answer by HTTPS (status {response.status_code})"
    parsed = parse_answer(response.content, codec, same_id=0)
    if parsed is None:
        return "malformed"
    age = response.headers.get("Age", "0")
    if parsed.ttl is None or not age.isdigit():
        return parsed
    return parsed._replace(ttl=max(0, parsed.ttl - int(age)))
