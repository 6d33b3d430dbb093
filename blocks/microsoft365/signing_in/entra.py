"""Entra ID's token endpoints by msal, and what their failures are called here.

msal tells neither status nor headers of an answer, lets errors of its own and of others through, and gives what failed
again for a minute without asking; this is the one place that knows it.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable
from typing import Any

import msal
import requests
from msal.exceptions import MsalError

from blocks.microsoft365.answers import TooManyRequests, retry_after
from blocks.microsoft365.clouds import LOGIN_HOSTS
from blocks.retry_budget import Patience, pause
from blocks.tls_roots import ElsewhereError, is_untrusted, requests_session, untrusted
from mailmove.errors import Blocked, MailmoveError, SignInRefused, Throttled, Transient

logging.getLogger("msal").setLevel(logging.CRITICAL)
"""It writes an answer that it cannot read into the log as it is, with the tokens that are in it."""

WHO = "Microsoft Entra ID"
CAPABILITIES = ["cp1"]
"""What we tell Entra ID: that we answer claims challenges."""

AGAIN = "sign in again: `mailmove sign-in` and the block's name."
NO_CONSENT, NO_ACCESS = "AADSTS65001", "AADSTS50020"
"""Codes: nobody consented to our application in the tenant; our user has no access to the tenant."""

BY_BROWSER = "sign in by a browser on this machine, `mailmove sign-in --browser` and the block's name."
ACCESS_BLOCKED = {
    "AADSTS53003": f"Conditional Access blocks this sign-in, often because it is by a code: {BY_BROWSER} If that is "
    "blocked too, an administrator reads the policy's name in Entra's sign-in log.",
    "AADSTS530032": f"A security policy of the tenant blocks this sign-in, as it does codes: {BY_BROWSER}",
    "AADSTS530033": f"Conditional Access blocks codes that are typed on another device: {BY_BROWSER}",
    "AADSTS53011": "The user is blocked because Entra holds them for at risk: their own administrator clears that, "
    "then sign in again.",
}
"""By number: why Conditional Access says no, and what to do (learn.microsoft.com reference-error-codes)."""

_ADVICE = {
    **ACCESS_BLOCKED,
    "AADSTS50011": "Add http://localhost to the application: Authentication, Mobile and desktop applications.",
    "AADSTS7000215": "The client secret is wrong: paste the secret's value, not its id.",
    "AADSTS7000222": "The client secret has run out: make a new one.",
    "AADSTS700016": "The tenant does not know this application: consent to it there, or check client_id and tenant_id.",
    "AADSTS90002": "There is no such tenant: check tenant_id.",
    NO_CONSENT: "Nobody consented to this application in the tenant: grant admin consent.",
    "AADSTS700027": "The certificate is not the one registered for the application.",
    NO_ACCESS: "The partner has no access to this customer: is the GDAP relationship active, our group assigned?",
    "AADSTS700082": f"The refresh token has run out (90 days): {AGAIN}",
    "AADSTS50173": f"The refresh token was revoked: {AGAIN}",
    "AADSTS50079": f"Multi-factor authentication is wanted: {AGAIN}",
    "AADSTS70043": f"The sign-in is older than the tenant allows: {AGAIN}",
    "AADSTS7000218": "The application is no public client: fill in its secret, or allow public client flows for it.",
    "AADSTS700025": "The application is a public client: leave secret and certificate empty.",
    "AADSTS50076": f"Multi-factor authentication is wanted: {AGAIN}",
}
_PASSING = {"temporarily_unavailable", "server_error"}
PATIENCE = 10.0
"""Seconds to wait in all for one answer."""


class Entra:
    """One tenant's endpoints. `application` is msal's; it is made by the first question, and anew after a failure."""

    def __init__(
        self,
        login_url: str,
        tenant: str,
        client_id: str,
        tls: ssl.SSLContext,
        *,
        sleep: Callable[[float], None] = pause,
    ) -> None:
        self._sleep = sleep
        self._tenant, self._client_id = tenant, client_id
        self._authority = f"{login_url.rstrip('/')}/{tenant}"
        host = self._authority.split("/")[2]
        self._microsoft = host in LOGIN_HOSTS
        # The tenant's configuration page names where secrets are to be sent; it must not name anybody else.
        self._session = requests_session(tls, frozenset(LOGIN_HOSTS if self._microsoft else [host.lower()]))
        self._session.hooks["response"].append(self._remember)
        self._application: Any = None
        self._last: requests.Response | None = None

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._last = response

    def forget(self) -> None:
        """msal's memory of tokens and failures."""
        self._application = None

    def application(self, credential: Callable[[], Any] | None) -> Any:
        """credential None: a public client. Reads the tenant's configuration page: call it inside `ask`."""
        if self._application is None:
            kind = msal.PublicClientApplication if credential is None else msal.ConfidentialClientApplication
            self._application = kind(
                self._client_id,
                **({} if credential is None else {"client_credential": credential()}),
                authority=self._authority,
                # Only Microsoft's own hosts can vouch for an authority; any other is trusted because the block says so.
                instance_discovery=None if self._microsoft else False,
                http_client=self._session,
                client_capabilities=CAPABILITIES,
            )
        return self._application

    def ask_patiently(self, wanted: str, question: Callable[[], Any], holds: str) -> dict[str, Any]:
        """The same, asked again while it fails in passing."""
        patience = Patience(PATIENCE, self._sleep)
        while True:
            try:
                return self.ask(wanted, question, holds)
            except Transient as error:
                patience.wait(error)

    def ask(self, wanted: str, question: Callable[[], Any], holds: str) -> dict[str, Any]:
        """An answer of msal's that has a member `holds`, or that says no. Transient, Throttled; Refused: no tenant."""
        self._last = None
        try:
            answer = dict(question())
        except ElsewhereError as error:
            self.forget()
            todo = "This is not how Microsoft behaves: check `login_url`, and what stands between it and this worker."
            seen = f"the sign-in service sends us to {str(error)[:200]}; nothing was sent there"
            raise Blocked(WHO, wanted=wanted, seen=seen, todo=todo) from None
        except requests.RequestException as error:
            self.forget()
            if is_untrusted(error):
                raise untrusted(WHO, wanted) from None
            raise self._passing(wanted, type(error).__name__) from None
        except (ValueError, LookupError, RuntimeError, MsalError, AttributeError, TypeError, ArithmeticError) as error:
            self.forget()  # msal takes it that JSON is an object, and its members are what they ought to be
            # msal reads the tenant's configuration page first: 400 or 404 there means that there is no such tenant.
            if re.search(r"HTTP status: 40[04]\b", f"{error} {error.__context__}"):
                words = f"AADSTS90002: no tenant {self._tenant}"
                raise self.error({"error": "invalid_tenant", "error_description": words}, wanted) from None
            raise self._passing(wanted, "an answer that could not be read") from None
        if holds not in answer:
            self.forget()  # by the next question somebody may have consented
            named = self.error(answer, wanted)
            if isinstance(named, Transient):
                raise named
        return answer

    def _passing(self, wanted: str, seen: str) -> Transient:
        last = self._last
        if last is not None and (last.status_code == 429 or "Retry-After" in last.headers):
            kind = TooManyRequests if last.status_code == 429 else Throttled
            wait, words = retry_after(last.headers), f"{last.status_code}: {seen}"
            return kind(WHO, wanted=wanted, seen=words, todo="Wait as long as it asks.", retry_after=wait)
        return Transient(WHO, wanted=wanted, seen=seen, todo="Ask again.")

    def error(self, answer: dict[str, Any], wanted: str) -> MailmoveError:
        """What an answer without a token says."""
        kind, words = oauth_error(answer)
        if kind in _PASSING:
            return self._passing(wanted, f"{kind}: {words}")
        if self._last is not None and (self._last.status_code == 429 or self._last.status_code >= 500):
            return self._passing(wanted, f"{self._last.status_code} {kind}: {words}")
        code = code_of(answer)
        todo = _ADVICE.get(code or "", "Check tenant_id, client_id and the credential.")
        wanted = f"{wanted} in tenant {self._tenant}"
        return SignInRefused(WHO, wanted=wanted, seen=f"{kind}: {words}", todo=todo, code=code)


def code_of(answer: dict[str, Any]) -> str | None:
    """The AADSTS number of an error: by the member `error_codes`, or, where it is left out, by `error_description`,
    which begins with it (learn.microsoft.com identity-platform reference-error-codes). None: there is none."""
    numbers = answer.get("error_codes")
    if isinstance(numbers, list) and numbers:
        return f"AADSTS{numbers[0]}"
    number = re.search(r"AADSTS\d+", str(answer.get("error_description") or ""))
    return number[0] if number else None


def oauth_error(answer: dict[str, Any]) -> tuple[str, str]:
    """OAuth's `error`, and its words; never the whole answer, which may quote what was sent."""
    words = str(answer.get("error_description") or "").split("\r\n")[0].split(" Trace ID")[0]
    return str(answer.get("error") or "no token"), words
