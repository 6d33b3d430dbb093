"""A person signs in in a browser: the authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 8252)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from lab.cloud.device_codes import Refreshing
from lab.cloud.errors import ApiError


@dataclass(frozen=True)
class _Granted:
    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    user: str


class BrowserSignIns:
    """`person_opens(url, user)` is what somebody does with the link in a browser on this machine."""

    def __init__(self) -> None:
        self._codes: dict[str, _Granted] = {}

    def person_opens(self, url: str, user: str | None) -> int:
        """Sign in as `user`, or decline (None); the browser follows to the application. HTTP status that it answers."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            raise ValueError(f"no authorization code with PKCE: {sorted(asked)}")
        if not asked["redirect_uri"].startswith("http://localhost:"):
            raise ValueError("AADSTS50011: the redirect address is not registered")
        answer = {"state": asked["state"]}
        if user is None:
            answer |= {"error": "access_denied", "error_description": "AADSTS65004: User declined to consent."}
        else:
            code = secrets.token_urlsafe(24)
            self._codes[code] = _Granted(
                asked["client_id"], asked["redirect_uri"], asked["code_challenge"], asked["scope"],
                asked.get("nonce", ""), user,
            )  # fmt: skip
            answer["code"] = code
        back, form = asked["redirect_uri"], urlencode(answer)
        posted = asked.get("response_mode") == "form_post"
        try:
            with urllib.request.urlopen(  # a port of the application's, on loopback
                back if posted else f"{back}?{form}", form.encode() if posted else None, timeout=10
            ) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    def redeem(self, form: dict[str, str]) -> tuple[Refreshing, str, str]:
        """Exchange a code, once, for (refresh token, scope, nonce). ApiError invalid_grant."""
        granted = self._codes.pop(form.get("code", ""), None)
        if granted is None or granted.client_id != form.get("client_id"):
            raise ApiError(400, "invalid_grant", "AADSTS70008: The provided authorization code has expired.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != granted.challenge:
            raise ApiError(400, "invalid_grant", "AADSTS501481: The Code_Verifier does not match the code_challenge.")
        if form.get("redirect_uri") != granted.redirect_uri:
            raise ApiError(400, "invalid_grant", "AADSTS500112: The reply address does not match.")
        left = Refreshing(granted.client_id, granted.user, secrets.token_urlsafe(48))
        return left, granted.scope, granted.nonce
