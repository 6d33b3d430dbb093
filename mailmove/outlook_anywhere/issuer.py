"""Download an issuer's certificate from the address that another certificate names for it (AIA, RFC 5280 4.2.2.1).

That other certificate is one that nobody trusts yet, or nothing would have to be fetched: its address is a stranger's
word. So it is done only where a person asks for it (`mailmove check-server --fetch-issuer`), from the internet only,
and to where the name led when it was looked at.
"""

from __future__ import annotations

import socket
from http.client import HTTPException, HTTPResponse
from urllib.parse import quote, urlsplit

from mailmove.wire.acts import act, connected
from mailmove.wire.networks import is_public

MOST, SECONDS = 65_536, 3.0
"""Bytes of an issuer's certificate, and seconds for the whole of it."""


def fetch_issuer(url: str, *, inner_networks: bool = False) -> bytes:
    """At most 64 KiB in 3 seconds, by plain http on port 80, without redirects. OSError: it failed.

    inner_networks: also from addresses that are not on the internet, at any port: for a rehearsal.
    """
    parts = urlsplit(url)
    port = parts.port or 80  # ValueError: no port
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise OSError("issuers are fetched by http only")
    if port != 80 and not inner_networks:
        raise OSError("issuers are fetched from port 80 only")
    with act(SECONDS, 2 * MOST):
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not inner_networks and not all(is_public(address) for address in addresses):
            raise OSError("an issuer's address that is not on the internet")
        path = quote(parts.path or "/", safe="/%") + (f"?{quote(parts.query, safe='=&%')}" if parts.query else "")
        with connected((addresses[0], port), SECONDS) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: {parts.hostname}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode("ascii"))
            response = HTTPResponse(connection, method="GET")
            try:
                response.begin()
                content = response.read(MOST + 1)
            except HTTPException as error:
                raise OSError(type(error).__name__) from None
            if response.status != 200 or len(content) > MOST:
                raise OSError(f"HTTP {response.status}, {len(content)} bytes")
            return content
