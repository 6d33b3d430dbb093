"""What the old server and Microsoft's sign-in answer to anybody: certificate, version, tenant. No password is sent."""

from __future__ import annotations

import re
from http.client import HTTPException, HTTPResponse
from typing import Any, Literal

import httpx
from cryptography import x509

from blocks.tls_roots import tls_context
from mailmove.errors import MailmoveError
from mailmove.outlook_anywhere.steps import Deadline
from mailmove.outlook_anywhere.tls import Dial, handshake
from mailmove.wire.http import client as client_of

_SECONDS = 6.0
"""Seconds for everything that is asked of one server."""
_MOST = 100_000
"""Bytes of an answer that is read; Microsoft's have a few thousand."""
_HEADER = "X-OWA-Version"
_VERSION = re.compile(r"\d{1,2}(\.\d{1,5}){2,3}")
_FORM = "/owa/auth/logon.aspx"
_ISSUER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

TenantState = Literal["managed", "federated", "none", ""]


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


def tenant_answer(domain: str, login_url: str, extra_ca: str | None) -> tuple[TenantState, str, str]:
    """(state of the domain at Microsoft, tenant id, what did not answer). Source: the public realm answer, and OpenID.

    `getuserrealm.srf` says Managed, Federated or Unknown; the OpenID configuration of a domain names its tenant.
    """
    base = login_url.rstrip("/")
    try:
        with client_of(tls_context(extra_ca), seconds=_SECONDS, most=_MOST) as client:
            realm = _json(client.get(f"{base}/getuserrealm.srf", params={"login": f"anyone@{domain}", "json": "1"}))
            state = _STATES.get(str(realm.get("NameSpaceType", "")).lower(), "")
            if state in ("none", ""):
                return state, "", "" if state else "Microsoft's answer about the domain is not understood"
            about = _json(client.get(f"{base}/{domain}/v2.0/.well-known/openid-configuration"))
    except (MailmoveError, httpx.HTTPError, OSError, ValueError, RecursionError) as error:
        return "", "", f"Microsoft's sign-in does not answer about the domain ({type(error).__name__})"
    tenant = _ISSUER.search(str(about.get("issuer", "")))
    if tenant is None:
        return state, "", "Microsoft has the domain, and does not name its tenant"
    return state, tenant.group(0).lower(), ""


_STATES: dict[str, TenantState] = {"managed": "managed", "federated": "federated", "unknown": "none"}


def _json(answer: httpx.Response) -> dict[str, Any]:
    content = answer.json()
    return content if isinstance(content, dict) else {}
