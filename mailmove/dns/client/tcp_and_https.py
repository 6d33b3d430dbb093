"""Ask a server by TCP (RFC 7766) and by HTTPS (RFC 8484), where UDP is of no use."""

from __future__ import annotations

import asyncio

import dns.message
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


async def by_https(url: str, codec: QuestionCodec, client: httpx.AsyncClient, host: str = "") -> ParsedAnswer | str:
    """The answer of the resolver at `url`, with TTLs less the time that the answer spent in HTTP caches.

    host: name that the certificate must be made out to, where the URL has an address.
    """
    wire = b"\0\0" + codec.query().wire[2:]  # id 0, as RFC 8484 section 4.1 asks
    try:
        response = await _post(url, wire, client, host)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"unreachable by HTTPS ({type(error).__name__})"
    if not _is_message(response):
        return f"no DNS answer by HTTPS (status {response.status_code})"
    parsed = parse_answer(response.content, codec, same_id=0)
    if parsed is None:
        return "malformed"
    age = response.headers.get("Age", "0")
    if parsed.ttl is None or not age.isdigit():
        return parsed
    return parsed._replace(ttl=max(0, parsed.ttl - int(age)))


async def message_by_https(
    url: str, message: dns.message.Message, client: httpx.AsyncClient, host: str = ""
) -> dns.message.Message | None:
    """The answer to a whole message; None: it is none. httpx.HTTPError, dns.exception.DNSException: trouble."""
    message.id = 0
    response = await _post(url, message.to_wire(), client, host)
    if not _is_message(response):
        return None
    answer = dns.message.from_wire(response.content)
    return answer if message.is_response(answer) else None


async def _post(url: str, wire: bytes, client: httpx.AsyncClient, host: str) -> httpx.Response:
    headers = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE, **({"Host": host} if host else {})}
    extensions = {"sni_hostname": host} if host else {}
    return await client.post(url, content=wire, headers=headers, extensions=extensions, follow_redirects=False)


def _is_message(response: httpx.Response) -> bool:
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return response.status_code == 200 and kind == _MEDIA_TYPE and len(response.content) <= LARGEST
