"""A person signs in at the terminal: with a code, in a browser on any machine (RFC 8628).

Source: learn.microsoft.com identity-platform v2-oauth2-device-code; msal-python. What comes of it is a refresh token,
which the block keeps (Prefect encrypts it) and `blocks.microsoft365.signing_in.sign_in` redeems.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import SecretStr

from blocks.microsoft365.answers import damaged
from blocks.microsoft365.clouds import MicrosoftCloud
from blocks.microsoft365.fields import number, text
from blocks.microsoft365.signing_in.entra import ACCESS_BLOCKED, BY_BROWSER, WHO, Entra, code_of, oauth_error
from blocks.process_local import ProcessLocal
from blocks.retry_budget import pause
from blocks.tls_roots import tls_context
from mailmove.clock import now
from mailmove.errors import NotYet, SignInRefused
from mailmove.evidence import Finding

LASTS, REMIND = timedelta(days=90), timedelta(days=75)
WANTED = "a person signed in"
_LONGEST, _INTERVAL = 1800, 5
"""Seconds: that a code may last (Entra ID: 900), and between two questions where none are named (RFC 8628 3.2)."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""RFC 6749 appendix A.17, without blanks."""
_ADVICE = {
    "authorization_declined": "Somebody said no on that page: ask again, and say yes.",
    "access_denied": "Somebody said no on that page: ask again, and say yes.",
    "invalid_client": "Allow public client flows for the application (Authentication, Advanced settings).",
    "unauthorized_client": "Allow public client flows for the application (Authentication, Advanced settings).",
}


class Signed(Protocol):
    """A block that keeps what a person's sign-in left."""

    tenant_id: str
    client_id: str
    login_url: str | None
    extra_ca: str | None
    refresh_token: SecretStr | None
    signed_in_as: str | None
    signed_in_at: datetime | None
    _connections: ProcessLocal


def sign_in_for(
    block: Signed, where: MicrosoftCloud, show: Callable[[str], None], *, sleep: Callable[[float], None] = pause
) -> str:
    """`show` is given Microsoft's words, with the code and the page to type it on; then wait for the person.

    The block takes what they leave, and opens its connections anew. Returns who signed in.
    NotYet: nobody came in time. Refused: they said no, or the application is not allowed to ask so. Transient.
    """
    login = block.login_url or where.login
    entra = Entra(login, block.tenant_id, block.client_id, tls_context(block.extra_ca), sleep=sleep)
    # The page of the tenant's configuration may be read twice; a code may not be asked for twice by itself.
    entra.ask_patiently(WANTED, lambda: {"app": entra.application(None)}, "app")
    app = entra.application(None)
    flow = entra.ask(WANTED, lambda: app.initiate_device_flow([where.graph_scope]), "user_code")
    if "user_code" not in flow:
        raise sign_in_error(flow)
    _bounded(flow)
    show(text(flow, "message"))
    answer = entra.ask(WANTED, lambda: app.acquire_token_by_device_flow(flow), "access_token")
    return keep(block, answer)


def keep(block: Signed, answer: dict[str, Any]) -> str:
    """The block takes the refresh token of an answer, and opens its connections anew. Who signed in."""
    if "refresh_token" not in answer:
        raise sign_in_error(answer)
    token, user = answer["refresh_token"], _person(answer.get("id_token_claims"))
    if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
        raise damaged(WHO, WANTED, f"{type(token).__name__} that is no token as `refresh_token`")
    block.refresh_token, block.signed_in_as, block.signed_in_at = SecretStr(token), user, now()
    block._connections = ProcessLocal()
    return user


def _bounded(flow: dict[str, Any]) -> None:
    """A person is waited for as long as a code lasts at Entra ID at most, and asked about as often as it wishes."""
    seconds = min(number(flow, "expires_in"), _LONGEST)
    flow["expires_at"] = time.time() + seconds
    flow["interval"] = min(number(flow, "interval") or 1, seconds) if "interval" in flow else _INTERVAL


def _person(claims: Any) -> str:
    """Who signed in, as the id token says (OpenID Connect Core 5.1); it is for people only."""
    if not isinstance(claims, dict):
        return "a person"
    names = (claims.get(name) for name in ("preferred_username", "oid"))
    return next((name for name in names if isinstance(name, str) and name.strip()), "a person")


def sign_in_error(answer: dict[str, Any]) -> NotYet | SignInRefused:
    """What an answer without a token says: by Entra ID's number, else by OAuth's name."""
    kind, words = oauth_error(answer)
    code = code_of(answer)
    if kind in {"authorization_pending", "expired_token", "code_expired"}:
        todo = f"Ask for a new code. If that page said that access is blocked: {BY_BROWSER}"
        return NotYet(WHO, wanted=WANTED, seen="nobody typed the code in time", todo=todo)
    return SignInRefused(
        WHO,
        wanted=WANTED,
        seen=f"{kind}: {words}",
        todo=ACCESS_BLOCKED.get(code or "") or _ADVICE.get(kind, "Read the reason; check tenant_id and client_id."),
        code=code,
    )


def age_findings(block: str, user: str | None, at: datetime | None) -> list[Finding]:
    """Is a sign-in about to lapse? Entra ID forgets a refresh token 90 days after it was given out."""
    if at is None or (age := now() - at) < REMIND:
        return []
    return [
        Finding(
            subject=f"{block}: sign-in of {user}",
            seen=f"{age.days} days old",
            means=f"it lapses {LASTS.days} days after it was made, perhaps in the middle of the cutover",
            todo="Sign in again: `mailmove sign-in` and the block's name.",
        )
    ]
