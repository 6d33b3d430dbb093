"""A person signs in at the terminal: with a code, in a browser on any machine (RFC 8628).

Source: learn.microsoft.com identity-platform v2-oauth2-device-code; msal-python. What comes of it is a refresh token,
which the block keeps (Prefect encrypts it) and `blocks.target.sign_in` redeems.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from blocks.target.clouds import LOGIN_HOSTS
from blocks.target.sign_in import WHO, new_app
from blocks.target.trust import UNTRUSTED, requests_session, untrusted
from mailmove.errors import Blocked, NotYet, Refused, Transient
from mailmove.evidence import Finding, now

LASTS, REMIND = timedelta(days=90), timedelta(days=75)
_WANTED = "a person signed in"
_ADVICE = {
    "authorization_declined": "Somebody said no on that page: ask again, and say yes.",
    "access_denied": "Somebody said no on that page: ask again, and say yes.",
    "invalid_client": "Allow public client flows for the application (Authentication, Advanced settings).",
    "unauthorized_client": "Allow public client flows for the application (Authentication, Advanced settings).",
}


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, when, and the refresh token that they left."""

    user: str
    at: datetime
    refresh_token: SecretStr


def sign_in_with_code(
    *, tenant: str, client_id: str, scope: str, login_url: str, tls: ssl.SSLContext, show: Callable[[str], None]
) -> SignedIn:
    """`show` is given Microsoft's words, with the code and the page to type it on; then wait for the person.

    NotYet: nobody came in time. Refused: they said no, or the application is not allowed to ask so. Transient.
    """
    try:
        app: Any = new_app(
            client_id,
            f"{login_url.rstrip('/')}/{tenant}",
            requests_session(tls),
            None,
            urlsplit(login_url).hostname in LOGIN_HOSTS,
        )
        flow = app.initiate_device_flow([scope])
        if "user_code" not in flow:
            raise _named(flow)
        show(str(flow["message"]))
        answer = app.acquire_token_by_device_flow(flow)
    except requests.RequestException as error:
        if UNTRUSTED in str(error):
            raise untrusted(WHO, _WANTED) from None
        raise Transient(WHO, wanted=_WANTED, seen=type(error).__name__, todo="Ask again.") from None
    except ValueError:
        raise Blocked(
            WHO, wanted=_WANTED, seen=f"no tenant {tenant} there", todo="Check tenant_id and the cloud of the block."
        ) from None
    token, claims = answer.get("refresh_token"), answer.get("id_token_claims") or {}
    if not isinstance(token, str):
        raise _named(answer)
    user = str(claims.get("preferred_username") or claims.get("oid") or "a person")
    return SignedIn(user=user, at=now(), refresh_token=SecretStr(token))


def _named(answer: dict[str, Any]) -> NotYet | Refused:
    kind = str(answer.get("error") or "no refresh token")
    # Never the whole answer: it may hold a token.
    words = str(answer.get("error_description") or "").split("\r\n")[0].split(" Trace ID")[0]
    if kind in {"authorization_pending", "expired_token", "code_expired"}:
        return NotYet(WHO, wanted=_WANTED, seen="nobody typed the code in time", todo="Ask for a new code.")
    return Refused(
        WHO,
        wanted=_WANTED,
        seen=f"{kind}: {words}",
        todo=_ADVICE.get(kind, "Read the reason; check tenant_id and client_id."),
    )


def age_findings(block: str, user: str | None, at: datetime | None) -> list[Finding]:
    """Is a sign-in about to lapse? Entra ID forgets a refresh token 90 days after it was given out."""
    if at is None or (age := now() - at) < REMIND:
        return []
    return [
        Finding(
            subject=f"{block}: sign-in of {user}",
            seen=f"{age.days} days old",
            means=f"it lapses {LASTS.days} days after it was made, perhaps in the middle of the night",
            todo="Sign in again: `mailmove sign-in` and the block's name.",
        )
    ]
