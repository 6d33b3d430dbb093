"""How Microsoft's services answer, and what their refusals mean for us (learn.microsoft.com/graph/errors)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from mailmove.errors import Blocked, Drifted, MailmoveError, Refused, Throttled, Transient
from mailmove.evidence import now

Json = dict[str, Any]
SLOW_DOWN = {408, 503, 504}


class Answer(Json):
    """A JSON object from a remote that may be damaged: what it lacks is Transient, not a KeyError."""

    def __init__(self, members: Json, who: str, wanted: str) -> None:
        super().__init__(members)
        self._who, self._wanted = who, wanted

    def __missing__(self, key: str) -> Any:
        raise damaged(self._who, self._wanted, f"an answer without `{key}`")


def damaged(who: str, wanted: str, seen: str) -> Transient:
    return Transient(who, wanted=wanted, seen=seen, todo="Ask again; the answer was cut short or changed on its way.")


class Rejected(Blocked):
    """Microsoft understood the request and declined it. `status` is the HTTP status."""

    def __init__(self, who: str, *, wanted: str, seen: str, todo: str, status: int, code: str | None = None) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo, code=code)
        self.status = status


class TooManyRequests(Throttled):
    """HTTP 429 (RFC 6585 section 4): nothing of the request was done. After a 503 some of it may have been."""


def moment(value: Any) -> datetime | None:
    """A time as the services write it, aware and in UTC; one without a zone is UTC. None: there is none."""
    if not value:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise damaged("Microsoft", "a time", f"{value!r}") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def challenged_claims(header: str) -> str | None:
    """The claims, as JSON text, of `WWW-Authenticate: Bearer error="insufficient_claims", claims="<base64>"`."""
    match = re.search(r'\bclaims="([^"]+)"', header)
    if not match:
        return None
    text = match[1]
    if text.lstrip().startswith("{"):
        return text
    try:
        padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        return base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def retry_after(headers: Mapping[str, str], default: float = 5.0) -> float:
    """Seconds to wait, from Retry-After (RFC 9110 section 10.2.3: seconds or a date); without it from Rate-Limit-Reset,
    which Exchange's admin endpoint sends.

    Unverified: that Rate-Limit-Reset is an ISO time or seconds.
    """
    for value in (headers.get("Retry-After", ""), headers.get("Rate-Limit-Reset", "")):
        for read in (float, _until_http, _until_iso):
            try:
                return max(0.0, read(value))
            except (TypeError, ValueError):
                continue
    return default


def _until_http(value: str) -> float:
    return (parsedate_to_datetime(value) - now()).total_seconds()


def _until_iso(value: str) -> float:
    at = datetime.fromisoformat(value)
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now()).total_seconds()


def message_of(response: httpx.Response) -> tuple[str, str]:
    """(code, message) of an error: Graph's form, Partner Center's, or plain text."""
    try:
        body = response.json()
    except ValueError:
        return "", response.text.strip()[:500]
    if not isinstance(body, dict):
        return "", str(body)[:500]
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return str(body.get("code") or error or ""), str(body.get("description") or body.get("error_description") or "")


def error_of(response: httpx.Response, who: str, wanted: str) -> MailmoveError:
    """Name a failure by what to do next (Graph's error codes: learn.microsoft.com/graph/errors)."""
    status = response.status_code
    code, message = message_of(response)
    words = f"{status} {code}: {message}" if code or message else f"{status} without a word"
    name = code or None
    if status == 429 or (status in SLOW_DOWN and "Retry-After" in response.headers):
        kind, wait = TooManyRequests if status == 429 else Throttled, retry_after(response.headers)
        return kind(who, wanted=wanted, seen=words, todo="Wait as long as it asks.", retry_after=wait, code=name)
    if status >= 500 or status == 408:
        return Transient(who, wanted=wanted, seen=words, todo="Ask again; Microsoft's side failed.", code=name)
    if status in {401, 403}:
        return refused(who, wanted, words, name)
    if status in {409, 412}:
        todo = "Look again: it changed, or another change is under way."
        return Drifted(who, wanted=wanted, seen=words, todo=todo, code=name)
    todo = "Read what it says; nothing was changed."
    return Rejected(who, wanted=wanted, seen=words, todo=todo, status=status, code=name)


def refused(who: str, wanted: str, seen: str, code: str | None = None) -> Refused:
    todo = "Check the application's permissions and that an administrator consented."
    return Refused(who, wanted=wanted, seen=seen, todo=todo, code=code)
