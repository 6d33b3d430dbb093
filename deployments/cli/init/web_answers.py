"""What the old server answers to anybody: certificate and version. No password is sent."""

from __future__ import annotations

import re
from http.client import HTTPException, HTTPResponse

from cryptography import x509

from mailmove.outlook_anywhere.steps import Deadline
from mailmove.outlook_anywhere.tls import Dial, handshake

_SECONDS = 6.0
"""Seconds for everything that is asked of one server."""
_HEADER = "X-OWA-Version"
_VERSION = re.compile(r"\d{1,2}(\.\d{1,5}){2,3}")
_FORM = "/owa/auth/logon.aspx"


def certificate_at(host: str, address: str, port: int) -> x509.Certificate | None:
    """The certificate that an address shows for a name, trusted or not. None: it shows none that can be read."""
    try:
        _, shown = handshake(Dial(host, address, port, None, Deadline(_SECONDS, _SECONDS)))
    except (OSError, ValueError):
        return None
    return certificate_of(shown.chain[0]) if shown.chain else None


def certificate_of(der: bytes) -> x509.Certificate | None:
    """A certificate in DER. None: it cannot be read."""
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        return None


def owa_version(host: str, address: str, port: int) -> str | None:
    """The version that Outlook on the web names in its header, on its logon page or before it. None: it names none."""
    deadline = Deadline(_SECONDS, _SECONDS / 2)
    for path in ("/owa/", _FORM):
        try:
            with Dial(host, address, port, None, deadline).unverified() as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))
                answer = HTTPResponse(connection)
                answer.begin()
                version = answer.getheader(_HEADER, "").strip()
        except (OSError, HTTPException, ValueError):
            continue
        if _VERSION.fullmatch(version):
            return version
    return None
