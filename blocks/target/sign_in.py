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
from urllib.parse import urlsplit

import msal
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msal.exceptions import MsalError
from pydantic import SecretStr

from blocks.patience import Patience
from blocks.target.answers import retry_after
from blocks.target.clouds import CLOUDS, LOGIN_HOSTS
from blocks.target.trust import UNTRUSTED, requests_session, untrusted
from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient

GRAPH_SCOPE = CLOUDS["global"].graph_scope
WHO = "Microsoft Entra ID"
CAPABILITIES = ["cp1"]
"""What we tell Entra ID: that we answer claims challenges."""

AGAIN = "sign in again: `mailmove sign-in` and the block's name."
_ADVICE = {
    "AADSTS7000215": "The client secret is wrong: paste the secret's value, not its id.",
    "AADSTS7000222": "The client secret has run out: make a new one.",
    "AADSTS700016": "The tenant does not know this application: consent to it there, or check client_id and tenant_id.",
    "AADSTS90002": "There is no such tenant: check tenant_id.",
    "AADSTS65001": "Nobody consented to this application in the tenant: grant admin consent.",
    "AADSTS700027": "The certificate is not the one registered for the application.",
    "AADSTS50020": "The partner has no access to this customer: is the GDAP relationship active, our group assigned?",
    "AADSTS700082": f"The refresh token has run out (90 days): {AGAIN}",
    "AADSTS50173": f"The refresh token was revoked: {AGAIN}",
    "AADSTS50079": f"Multi-factor authentication is wanted: {AGAIN}",
    "AADSTS70043": f"The sign-in is older than the tenant allows: {AGAIN}",
    "AADSTS7000218": "The application is no public client: fill in its secret, or allow public client flows for it.",
    "AADSTS700025": "The application is a public client: leave secret and certificate empty.",
    "AADSTS50076": f"Multi-factor authentication is wanted: {AGAIN}",
}
_PASSING = {"temporarily_unavailable", "server_error"}
_PATIENCE = 10.0
"""Seconds to wait in all for a token."""


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
        self._tenant, self._client_id = tenant, client_id
        self._secret, self._certificate, self._refresh = secret, certificate, refresh_token
        self._authority = f"{login_url.rstrip('/')}/{tenant}"
        self._microsoft = urlsplit(login_url).hostname in LOGIN_HOSTS
        self._session = requests_session(tls)
        self._session.hooks["response"].append(self._remember)
        self._app: Any = None
        self._last: requests.Response | None = None  # msal tells neither status nor headers
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
                self._app = None  # msal keeps tokens too, and asks anew for claims only
            answer = self._ask_patiently(scope, claims)
            token = answer.get("access_token")
            if not isinstance(token, str):
                # msal would repeat a refusal for a minute without asking; by then somebody may have consented.
                self._app = None
                raise self._error(answer, scope)
            # Five minutes early, as msal does: clocks differ.
            self._kept[scope] = (token, time.monotonic() + float(answer.get("expires_in") or 0) - 300)
            return token

    def _ask_patiently(self, scope: str, claims: str | None) -> dict[str, Any]:
        patience = Patience(_PATIENCE)
        while True:
            try:
                answer = self._ask(scope, claims)
                no = None if "access_token" in answer else self._error(answer, scope)
                if not isinstance(no, Transient):
                    return answer
                raise no
            except Transient as error:
                self._app = None  # msal gives what failed again for a minute, without asking
                patience.wait(error)

    def _ask(self, scope: str, claims: str | None) -> dict[str, Any]:
        self._last = None
        try:
            if self._app is None:
                self._app = self._new_app()
            if self._refresh is None:
                return dict(self._app.acquire_token_for_client([scope], claims_challenge=claims))
            # msal has no claims parameter here, and leaves our capabilities out; the protocol's own is `claims`.
            data = {"claims": _with_capabilities(claims)}
            answer = dict(
                self._app.acquire_token_by_refresh_token(self._refresh.get_secret_value(), [scope], data=data)
            )
            if isinstance(answer.get("refresh_token"), str):
                self._refresh = SecretStr(answer["refresh_token"])
            return answer
        except requests.RequestException as error:
            if UNTRUSTED in str(error):
                raise untrusted(WHO, f"a token for {scope}") from None
            raise self._passing(scope, f"{type(error).__name__}") from None
        except (ValueError, KeyError, RuntimeError, MsalError) as error:
            # msal reads the tenant's configuration page first: 400 or 404 there means that there is no such tenant.
            if re.search(r"HTTP status: 40[04]\b", f"{error} {error.__context__}"):
                words = f"AADSTS90002: no tenant {self._tenant}"
                raise self._error({"error": "invalid_tenant", "error_description": words}, scope) from None
            raise self._passing(scope, "an answer that could not be read") from None

    def _new_app(self) -> Any:
        return new_app(
            self._client_id, self._authority, self._session, None if self._public else self._credential(), self._microsoft
        )

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._last = response

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

    def _passing(self, scope: str, seen: str) -> Transient:
        last, self._last = self._last, None
        if last is not None and (last.status_code == 429 or "Retry-After" in last.headers):
            wait, said = retry_after(last.headers), f"{last.status_code}: {seen}"
            todo = "Wait as long as it asks."
            return Throttled(WHO, wanted=f"a token for {scope}", seen=said, todo=todo, retry_after=wait)
        return Transient(WHO, wanted=f"a token for {scope}", seen=seen, todo="Ask again.")

    def _error(self, answer: dict[str, Any], scope: str) -> MailmoveError:
        # Never the whole answer: it may quote what was sent.
        kind = str(answer.get("error") or "no token")
        words = str(answer.get("error_description") or "").split("\r\n")[0].split(" Trace ID")[0]
        if kind in _PASSING:
            return self._passing(scope, f"{kind}: {words}")
        if self._last is not None and (self._last.status_code == 429 or self._last.status_code >= 500):
            return self._passing(scope, f"{self._last.status_code} {kind}: {words}")
        code = re.search(r"AADSTS\d+", words)
        return Refused(
            WHO,
            wanted=f"a token for {scope} in tenant {self._tenant}",
            seen=f"{kind}: {words}",
            todo=_ADVICE.get(code[0] if code else "", "Check tenant_id, client_id and the credential."),
        )


def new_app(client_id: str, authority: str, session: requests.Session, credential: Any, microsoft: bool) -> Any:
    """An application of msal's; credential None: a public client. microsoft: is the authority one of Microsoft's?"""
    kind = msal.PublicClientApplication if credential is None else msal.ConfidentialClientApplication
    return kind(
        client_id,
        **({} if credential is None else {"client_credential": credential}),
        authority=authority,
        # Only Microsoft's own hosts can vouch for an authority; any other is trusted because the block names it.
        instance_discovery=None if microsoft else False,
        http_client=session,
        client_capabilities=CAPABILITIES,
    )


def _with_capabilities(challenge: str | None) -> str:
    """A claims request that says that we answer claims challenges, as msal writes it where it writes one."""
    wanted: dict[str, Any] = json.loads(challenge) if challenge else {}
    wanted.setdefault("access_token", {})["xms_cc"] = {"values": CAPABILITIES}
    return json.dumps(wanted)


def certificate_credential(pem: SecretStr) -> dict[str, str]:
    """What msal wants of a certificate; it signs with SHA-256. Blocked: key or certificate is missing."""
    text = pem.get_secret_value()
    try:
        certificate = x509.load_pem_x509_certificate(_section(text, "CERTIFICATE"))
        key = serialization.load_pem_private_key(_section(text, "PRIVATE KEY"), password=None)
    except (ValueError, TypeError):
        raise Blocked(
            "Block",
            wanted="a certificate and its private key",
            seen="PEM text that lacks one of them, or whose key has a password",
            todo="Paste both as PEM into `certificate`, the key without a password.",
        ) from None
    return {
        "private_key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "public_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


def _section(text: str, label: str) -> bytes:
    """The first PEM section whose label ends so: `RSA PRIVATE KEY` for `PRIVATE KEY`."""
    found = re.search(rf"-----BEGIN ([A-Z ]*{label})-----.+?-----END \1-----", text, re.DOTALL)
    if not found:
        raise ValueError(f"no {label}")
    return found[0].encode()
