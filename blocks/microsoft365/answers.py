"""How Microsoft's services answer, and what their refusals mean for us (learn.microsoft.com/graph/errors)."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from mailmove.clock import now
from mailmove.errors import AnswerUnreadable, Blocked, Drifted, MailmoveError, Refused, Throttled, Transient

Json = dict[str, Any]
SLOW_DOWN = {408, 503, 504}

NO_USER = frozenset({"Request_ResourceNotFound", "ErrorInvalidUser"})
"""Codes of a 404: nobody in the directory is called so. There may be a mailbox all the same, of another name."""

NO_ITEM = frozenset({"ErrorItemNotFound", "ErrorFolderNotFound", "ErrorParentFolderNotFound"})
"""Codes of a 404: the mailbox was opened, and has no such item or folder."""

CLOSED = frozenset(
    {
        "MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "MailboxNotHostedInExchangeOnline",
        "ErrorNonExistentMailbox", "ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable",
        "ErrorMailboxConfiguration", "ErrorMissingEmailAddress",
    }
)  # fmt: skip
"""Codes of an answer that does not open a mailbox: no licence, held on premises, inactive, deleted, or not ready yet
(microsoft-graph-docs issues 5888, 10745; the names of Exchange: ews-reference ResponseCode). What it holds is unknown.
"""


class Answer(Json):
    """A JSON object from a remote that may be damaged: what it lacks is AnswerUnreadable, not a KeyError."""

    def __init__(self, members: Json, who: str, wanted: str) -> None:
        super().__init__(members)
        self.who, self.wanted = who, wanted

    def __missing__(self, key: str) -> Any:
        raise damaged(self.who, self.wanted, f"an answer without `{key}`")


def damaged(who: str, wanted: str, seen: str) -> AnswerUnreadable:
    todo = "Ask again; the answer was cut short or changed on its way."
    return AnswerUnreadable(who, wanted=wanted, seen=seen, todo=todo)


class Rejected(Blocked):
    """Microsoft understood the request and declined it. `status` is the HTTP status."""

    def __init__(self, who: str, *, wanted: str, seen: str, todo: str, status: int, code: str | None = None) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo, code=code)
        self.status = status


class MailboxClosed(Rejected):
    """A mailbox that Microsoft does not open. Whether it holds anything is not known."""


class ServerFailed(Transient):
    """Its own side failed on this request (HTTP 408 and 5xx); another one may do. `status` is the HTTP status."""

    def __init__(self, who: str, *, wanted: str, seen: str, todo: str, status: int, code: str | None = None) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo, code=code)
        self.status = status


class TooManyRequests(Throttled):
    """HTTP 429 (RFC 6585 section 4): nothing of the request was done. After a 503 some of it may have been."""


def moment(value: Any) -> datetime | None:
    """A time as the services write it, aware and in UTC; one without a zone is UTC. None: there is none.

    ISO 8601; `/Date(milliseconds)/`, which Windows PowerShell 5 writes, by itself or as `{"value": ...}`; or month
    first, as .NET writes it in English and in no language (we ask for en-US).
    """
    if isinstance(value, Mapping):
        value = value.get("value", value.get("DateTime"))
    if not value:
        return None
    try:
        at = _read(" ".join(str(value).split()))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise damaged("Microsoft", "a time", f"{value!r}"[:120]) from None


_MILLISECONDS = re.compile(r"/Date\((-?\d{1,17})([+-]\d{4})?\)/")
_BEFORE = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%m/%d/%Y")


def _read(words: str) -> datetime:
    """ValueError, OverflowError: no time that this knows."""
    if match := _MILLISECONDS.fullmatch(words):  # the zone behind it says where it was written; the count is UTC
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1]))
    if "/" not in words:
        return datetime.fromisoformat(words.upper())
    for form in _BEFORE:
        for zone in ("", " %z"):
            try:
                return datetime.strptime(words, form + zone)  # without a zone it is UTC: see above
            except ValueError:
                continue
    raise ValueError(words)


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
    which Exchange's admin endpoint sends as RFC 3339 (terraprovider/go-exoscc, adminapi/invoke.go).
    """
    for value in (headers.get("Retry-After", ""), headers.get("Rate-Limit-Reset", "")):
        for read in (float, _until_http, _until_iso):
            try:
                seconds = read(value)
            except (TypeError, ValueError, OverflowError):
                continue
            if math.isfinite(seconds):
                return max(0.0, seconds)
    return default


def _until_http(value: str) -> float:
    return (parsedate_to_datetime(value) - now()).total_seconds()


def _until_iso(value: str) -> float:
    at = datetime.fromisoformat(value.strip().upper())
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now()).total_seconds()


def message_of(response: httpx.Response) -> tuple[str, str]:
    """(code, message) of an error: Graph's form, Partner Center's, or plain text."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return "", response.text.strip()[:500]
    if not isinstance(body, dict):
        return "", str(body)[:500]
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return str(body.get("code") or error or ""), str(body.get("description") or body.get("error_description") or "")


CONFLICT = "ObjectConflict"
"""Code in the details of Graph's Request_BadRequest: another object has the value (microsoft-graph-docs 1508, 8421)."""


def _detail(response: httpx.Response) -> str | None:
    """The conflict that Graph names in an error's details only."""
    try:
        error = response.json().get("error")
    except (ValueError, AttributeError, RecursionError):
        return None
    details = error.get("details") if isinstance(error, dict) else None
    codes = [detail.get("code") for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return CONFLICT if CONFLICT in codes else None


def error_of(response: httpx.Response, who: str, wanted: str) -> MailmoveError:
    """Name a failure by what to do next (Graph's error codes: learn.microsoft.com/graph/errors)."""
    status = response.status_code
    code, message = message_of(response)
    words = f"{status} {code}: {message}" if code or message else f"{status} without a word"
    name = _detail(response) or code or None
    if status == 429 or (status in SLOW_DOWN and "Retry-After" in response.headers):
        kind, wait = TooManyRequests if status == 429 else Throttled, retry_after(response.headers)
        return kind(who, wanted=wanted, seen=words, todo="Wait as long as it asks.", retry_after=wait, code=name)
    if status >= 500 or status == 408:
        todo = "Ask again; Microsoft's side failed."
        return ServerFailed(who, wanted=wanted, seen=words, todo=todo, status=status, code=name)
    if name in CLOSED:
        return closed(who, wanted, words, status, name)
    if status in {401, 403}:
        return refused(who, wanted, words, name)
    if status in {409, 412}:
        todo = "Look again: it changed, or another change is under way."
        return Drifted(who, wanted=wanted, seen=words, todo=todo, code=name)
    if not code and "json" in response.headers.get("Content-Type", "") and response.content:
        # Which refusal it is, its code says: without it a 404 may mean anything.
        return damaged(who, wanted, f"{status} with an error that cannot be read")
    todo = "Read what it says; nothing was changed."
    return Rejected(who, wanted=wanted, seen=words, todo=todo, status=status, code=name)


def closed(who: str, wanted: str, seen: str, status: int, code: str | None) -> MailboxClosed:
    todo = "See whether its user has a licence, and whether the mailbox lies in Exchange Online; then try again."
    seen = f"a mailbox that cannot be opened: {seen}"
    return MailboxClosed(who, wanted=wanted, seen=seen, todo=todo, status=status, code=code)


def refused(who: str, wanted: str, seen: str, code: str | None = None) -> Refused:
    todo = "Check the application's permissions and that an administrator consented."
    return Refused(who, wanted=wanted, seen=seen, todo=todo, code=code)
