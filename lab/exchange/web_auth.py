"""Signing in to the old Exchange over HTTP: Basic (RFC 7617) and NTLM (MS-NTHT)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

from lab.exchange.ntlm import Acceptor, account_named
from lab.exchange.web import WebHandler


def authenticated(
    handler: WebHandler,
    accounts: Mapping[str, str],
    schemes: Sequence[str] = ("NTLM", "Basic"),
    server: str = "EXCHANGE",
) -> str | None:
    """The account that asks; None: the 401 (or NTLM's next step) has been sent and the route has nothing more to do.

    `accounts` maps names to passwords. A connection that NTLM has signed in stays so, as IIS does it.
    """
    scheme, _, text = handler.headers.get("Authorization", "").partition(" ")
    offered = {name.lower(): name for name in schemes}
    try:
        token = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        token = b""
    if not scheme and handler.account in accounts:
        return handler.account
    if scheme.lower() == "basic" and "basic" in offered:
        name, _, password = token.decode("utf-8", "replace").partition(":")
        account = account_named(accounts, name)
        if account is not None and hmac.compare_digest(accounts[account].encode(), password.encode()):
            return account
    if scheme.lower() in ("ntlm", "negotiate") and scheme.lower() in offered and token.startswith(b"NTLMSSP\0"):
        return _ntlm(handler, accounts, offered[scheme.lower()], token, schemes, server)
    _unauthorized(handler, schemes)
    return None


def _ntlm(
    handler: WebHandler, accounts: Mapping[str, str], scheme: str, token: bytes, schemes: Sequence[str], server: str
) -> str | None:
    handler.account = None
    if token[8:12] == b"\x01\0\0\0":
        handler.ntlm = Acceptor(accounts, server)
        answer = base64.b64encode(handler.ntlm.challenge(token)).decode()
        handler.reply(401, b"", ("WWW-Authenticate", f"{scheme} {answer}"))
        return None
    acceptor, handler.ntlm = handler.ntlm, None
    handler.account = acceptor.account(token) if acceptor else None
    if handler.account is None:
        _unauthorized(handler, schemes)
    return handler.account


def _unauthorized(handler: WebHandler, schemes: Sequence[str]) -> None:
    offers = [f'Basic realm="{handler.server.server_name}"' if name == "Basic" else name for name in schemes]
    handler.reply(401, b"Unauthorized", *(("WWW-Authenticate", offer) for offer in offers))
