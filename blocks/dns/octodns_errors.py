"""octoDNS providers raise whatever their libraries raise: judge by HTTP status, then by kind, then by name."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

import dns.exception
import requests
from octodns.provider import ProviderException
from octodns.record.exception import RecordException

from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient

_SHORTEST_SECRET = 4
_REFUSED = ("unauthori", "authentication", "forbidden", "accessdenied", "badkey", "badsig", "invalidcredential")
_THROTTLED = ("ratelimit", "rate limit", "throttl", "too many requests")


@contextmanager
def translated(who: str, wanted: str, secrets: Mapping[str, Any]) -> Iterator[None]:
    """Turn what a provider raises into ours. The original is not chained: its text may hold the settings."""
    try:
        yield
    except MailmoveError:
        raise
    except Exception as error:  # noqa: BLE001 - every provider has its own; each becomes one of ours
        ours = _ours(who, wanted, error, _clean(f"{type(error).__name__}: {error}", secrets))
    else:
        return
    raise ours from None  # or the original would be its context: it is still being handled, outside of here


def _ours(who: str, wanted: str, error: Exception, seen: str) -> MailmoveError:
    status, words = _status(error), seen.lower()
    if status == 429 or any(word in words for word in _THROTTLED):
        return Throttled(who, wanted=wanted, seen=seen, todo="Ask again after a pause.", retry_after=_pause(error))
    if status in (401, 403) or any(word in words for word in _REFUSED):
        return Refused(who, wanted=wanted, seen=seen, todo="Check the credentials and their rights in the block.")
    lost = (requests.ConnectionError, requests.Timeout, OSError, EOFError, dns.exception.Timeout)
    if (status and status >= 500) or "5xx" in words or (isinstance(error, lost) and not status):
        todo = "Ask again; what was done by then is found standing, and the rest is done."
        return Transient(who, wanted=wanted, seen=seen, todo=todo)
    todo = "Read what the provider says, and correct the block or the zone."
    if isinstance(error, ProviderException | RecordException | TypeError | ValueError):
        todo = "Check the settings of the block against the page of the provider's package, and the zone's records."
    return Blocked(who, wanted=wanted, seen=seen, todo=todo)


def _status(error: Exception) -> int | None:
    """The HTTP status, wherever the library put it."""
    for holder in (getattr(error, "response", None), error):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def _pause(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("Retry-After", ""))
    # "²" is a digit to Python, and a header is Latin-1.
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 10 else 5.0


def _clean(text: str, secrets: Mapping[str, Any]) -> str:
    for value in _strings(secrets):
        for form in _forms(value):
            text = text.replace(form, "***")
    return text


def _forms(value: str) -> list[str]:
    """How a library may show a secret: as it is, as Python writes it, in an address, in a header."""
    encoded = value.encode("utf-8", "surrogatepass")
    forms = {value, repr(value)[1:-1], quote(encoded, safe=""), quote_plus(encoded), b64encode(encoded).decode("ascii")}
    return sorted(forms, key=len, reverse=True)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
        yield value
