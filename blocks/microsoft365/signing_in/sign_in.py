"""Tokens from Microsoft Entra ID: an application's own, or those of a person who signed in before.

A partner's refresh token is redeemed at the customer's tenant; one that `mailmove sign-in` got, at the tenant where the
person signed in. Sources: learn.microsoft.com identity-platform (client credentials, claims challenge), partner-center
GDAP pages; msal-python. Tokens are kept in memory only; msal writes its cache nowhere unless it is told to.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from blocks.microsoft365.answers import damaged
from blocks.microsoft365.clouds import CLOUDS
from blocks.microsoft365.signing_in.entra import CAPABILITIES, WHO, Entra
from mailmove.errors import Blocked
from mailmove.pem import section

_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What can stand behind `Bearer` (RFC 6750 section 2.1)."""


class SignIn:
    """Gives tokens for one tenant.

    With `refresh_token` they act as the person who signed in (delegated); otherwise as the application itself, which
    proves itself with `certificate` (PEM of certificate and private key) or else `secret`. A person may have signed in
    to a public client, which has neither.
    """

    def __init__(
        self,
        *,
        tenant: str,
        client_id: str,
        secret: SecretStr | None,
        certificate: SecretStr | None = None,
        refresh_token: SecretStr | None = None,
        login_url: str = CLOUDS["global"].login,
        tls: ssl.SSLContext,
    ) -> None:
        self._entra = Entra(login_url, tenant, client_id, tls)
        self._secret, self._certificate, self._refresh = secret, certificate, refresh_token
        self._kept: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    @property
    def delegated(self) -> bool:
        return self._refresh is not None

    def token(self, scope: str, claims: str | None = None) -> str:
        """A bearer token. claims: JSON text of a claims challenge, which always asks anew; "" (ANEW): the one given
        before is no longer taken. Refused, Transient."""
        with self._lock:
            kept = self._kept.get(scope)
            if kept and claims is None and kept[1] > time.monotonic():
                return kept[0]
            if claims == "":
                self._entra.forget()  # msal keeps tokens too, and asks anew for claims only
            wanted = f"a token for {scope}"
            answer = self._entra.ask_patiently(wanted, lambda: self._ask(scope, claims), "access_token")
            token = answer.get("access_token")
            if "access_token" in answer and not (isinstance(token, str) and _BEARER.fullmatch(token)):
                self._entra.forget()  # msal keeps what it was given
                raise damaged(WHO, wanted, f"{type(token).__name__} that is no token as `access_token`")
            if not isinstance(token, str):
                raise self._entra.error(answer, wanted)
            # Five minutes early, as msal does: clocks differ. One that does not say how long is not kept.
            lasts = str(answer.get("expires_in"))
            seconds = float(lasts) if lasts.isdecimal() else 0.0
            self._kept[scope] = (token, time.monotonic() + seconds - 300)
            return token

    def _ask(self, scope: str, claims: str | None) -> dict[str, Any]:
        app = self._entra.application(None if self._public else self._credential)
        if self._refresh is None:
            return dict(app.acquire_token_for_client([scope], claims_challenge=claims))
        # msal has no claims parameter here, and leaves our capabilities out; the protocol's own is `claims`.
        data = {"claims": _with_capabilities(claims)}
        answer = dict(app.acquire_token_by_refresh_token(self._refresh.get_secret_value(), [scope], data=data))
        if isinstance(answer.get("refresh_token"), str):
            self._refresh = SecretStr(answer["refresh_token"])
        return answer

    @property
    def _public(self) -> bool:
        return self._refresh is not None and self._secret is None and self._certificate is None

    def _credential(self) -> Any:
        if self._certificate is not None:
            return certificate_credential(self._certificate)
        if self._secret is None:
            raise Blocked(
                WHO, wanted="to sign in", seen="neither certificate nor client_secret", todo="Fill in one of them."
            )
        return self._secret.get_secret_value()


def _with_capabilities(challenge: str | None) -> str:
    """A claims request that says that we answer claims challenges, as msal writes it where it writes one."""
    wanted: dict[str, Any] = json.loads(challenge) if challenge else {}
    wanted.setdefault("access_token", {})["xms_cc"] = {"values": CAPABILITIES}
    return json.dumps(wanted)


def certificate_credential(pem: SecretStr) -> dict[str, Any]:
    """What msal wants of a certificate; it signs with SHA-256. Blocked: key or certificate is missing.

    The key is given as an object, which msal passes on to PyJWT as it is: from text each sign-in would prove anew that
    its numbers are prime (40 ms). Who gave us the key wants it to work.
    """
    text = pem.get_secret_value()
    try:
        certificate = x509.load_pem_x509_certificate(section(text, "CERTIFICATE").encode())
        key = serialization.load_pem_private_key(
            section(text, "PRIVATE KEY").encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError):
        raise Blocked(
            "Block",
            wanted="a certificate and its private key",
            seen="PEM text that lacks one of them, or whose key has a password",
            todo="Paste both as PEM into `certificate`, the key without a password.",
        ) from None
    return {
        "private_key": key,
        "public_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }
