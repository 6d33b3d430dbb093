"""What time a server has, by the Date of any answer of its web server (RFC 9110, 6.6.1)."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from blocks.retry_budget import Patience
from blocks.tls_roots import requests_session
from mailmove.errors import Transient

_TIMEOUT = 20.0
"""Seconds for a connection, and for the answer's first line."""
_PATIENCE = 3.0
"""Seconds to wait in all between two tries, where the connection fails."""


def clock_at(url: str, who: str, context: ssl.SSLContext) -> datetime:
    """Read a server's clock, in UTC and whole seconds, so up to one slow; without signing in: a refusal has a Date too.

    Unverified: that it is the clock by which the server's logs go; a proxy before it may put in its own.

    Transient: no answer, or none that tells the time.
    """
    patience = Patience(_PATIENCE)
    while True:
        try:
            with requests_session(context) as session, _asked(session, url) as answer:
                date, status = answer.headers.get("Date", ""), answer.status_code
                break
        except requests.RequestException as error:
            patience.wait(_untold(who, f"{type(error).__name__} at {url}"))
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        raise _untold(who, f"HTTP {status} with the Date {date!r}") from None


def _asked(session: requests.Session, url: str) -> requests.Response:
    return session.get(url, stream=True, timeout=_TIMEOUT, allow_redirects=False)  # a redirect has a Date, too


def _untold(who: str, seen: str) -> Transient:
    return Transient(who, wanted="the time by its clock", seen=seen, todo="It is asked again by itself.")
