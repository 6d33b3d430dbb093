"""A person signs in at the terminal: with a code, in a browser on any machine (RFC 8628).

Source: learn.microsoft.com identity-platform v2-oauth2-device-code; msal-python. What comes of it is a refresh token,
which the block keeps (Prefect encrypts it) and `blocks.microsoft365.sign_in` redeems.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import SecretStr

from blocks.microsoft365.clouds import MicrosoftCloud
from blocks.microsoft365.entra import WHO, Entra, code_of, oauth_error
from blocks.microsoft365.fields import text
from blocks.process_local import ProcessLocal
from blocks.tls_roots import tls_context
from mailmove.clock import now
from mailmove.errors import NotYet, SignInRefused
from mailmove.evidence import Finding

LASTS, REMIND = timedelta(days=90), timedelta(days=75)
_WANTED = "a person signed in"
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


def sign_in_for(block: Signed, where: MicrosoftCloud, show: Callable[[str], None]) -> str:
    """`show` is given Microsoft's words, with the code and the page to type it on; then wait for the person.

    The block takes what they leave, and opens its connections anew. Returns who signed in.
    NotYet: nobody came in time. Refused: they said no, or the application is not allowed to ask so. Transient.
    """
    entra = Entra(block.login_url or where.login, block.tenant_id, block.client_id, tls_context(block.extra_ca))
    # The page of the tenant's configuration may be read twice; a code may not be asked for twice by itself.
    entra.ask_patiently(_WANTED, lambda: {"app": entra.application(None)}, "app")
    app = entra.application(None)
    flow = entra.ask(_WANTED, lambda: app.initiate_device_flow([where.graph_scope]), "user_code")
    if "user_code" not in flow:
        raise _named(flow)
    show(text(flow, "message"))
    answer = entra.ask(_WANTED, lambda: app.acquire_token_by_device_flow(flow), "access_token")
    token, claims = answer.get("refresh_token"), answer.get("id_token_claims") or {}
    if not isinstance(token, str):
        raise _named(answer)
    user = str(claims.get("preferred_username") or claims.get("oid") or "a person")
    block.refresh_token, block.signed_in_as, block.signed_in_at = SecretStr(token), user, now()
    block._connections = ProcessLocal()
    return user


def _named(answer: dict[str, Any]) -> NotYet | SignInRefused:
    kind, words = oauth_error(answer)
    if kind in {"authorization_pending", "expired_token", "code_expired"}:
        return NotYet(WHO, wanted=_WANTED, seen="nobody typed the code in time", todo="Ask for a new code.")
    return SignInRefused(
        WHO,
        wanted=_WANTED,
        seen=f"{kind}: {words}",
        todo=_ADVICE.get(kind, "Read the reason; check tenant_id and client_id."),
        code=code_of(answer),
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
