"""Errors of Exchange Online's cmdlets, by whatever way they are run, as errors of Mailmove.

Their code is the class of the exception, without its namespace. The endpoint shows it as `TypeName` (go-exoscc,
adminapi/invoke.go) or `ClassName` (Microsoft's module) in JSON text, as the middle of `id|class|words`, or in a header.
Exchange throws general classes (`ValidationException`, `Exception`) for things that must be told apart; then its
sentence is read, here and nowhere else. Sources: ExoHelper Get-ExoException.ps1, Microsoft's module; those of the
sentences stand beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from blocks.microsoft365.answers import Json, Rejected, error_of, message_of, retry_after
from blocks.microsoft365.fields import part, part_or, rows_or, text_or
from mailmove.errors import AnswerUnreadable, MailmoveError, Refused, Throttled, Transient

WHO = "Exchange Online"
CNAME_MISSING = "CnameMissing"
NOT_CUSTOMIZED = "OrganizationNotCustomized"
_TOO_MANY = "TooManyRequests"
_NO_SUCH_CMDLET = "CommandNotFoundException"
_NOT_FOUND = "ManagementObjectNotFoundException"
_ABSENT = {_NOT_FOUND, "MigrationBatchNotFoundException", "MigrationUserNotFoundException"}
_PASSING = {  # values of X-ExceptionType after which Microsoft's module asks again
    "DCOverloadedException",
    "SuitabilityDirectoryException",
    "ServerInMMException",
    "ADServerSettingsChangedException",
    "StorageTransientException",
    "UnableToWriteToAadException",
}
_BUSY = re.compile("maximum number of concurrent|Too many requests")
"""Sentences of Exchange's own throttling, whatever the class (ExoHelper Get-ExoException.ps1)."""
_SENTENCES = {
    # Microsoft's module looks for the bare names of these classes in the text.
    **{name.removesuffix("Exception"): name for name in sorted(_PASSING)},
    # Set-DkimSigningConfig: "CNAME record does not exist for this config. Please publish the following two CNAME
    # records first", in public scripts and reports; CnameMissing is the cmdlet's own name for that state (its Status).
    r"\bCNAME\b|CnameMissing": CNAME_MISSING,
    # learn.microsoft.com: "you first need to run the command: Enable-OrganizationCustomization", in a new tenant.
    "Enable-OrganizationCustomization": NOT_CUSTOMIZED,
    # "... because object '<name>' couldn't be found on '<server>'", which comes with several classes.
    "couldn't be found": _NOT_FOUND,
}
"""Regular expression -> code, the first that fits."""


def explain(response: httpx.Response, who: str, wanted: str) -> MailmoveError | None:
    """Name an error of the admin endpoint (`JsonClient.explain`)."""
    shown = response.headers.get("X-ExceptionType", "").rpartition(".")[2]
    failure = said(inner_message(response), shown)
    passing = _passing(failure, wanted, retry_after(response.headers))
    if passing is not None:
        return passing
    if response.status_code in {400, 404}:
        return _named(failure, response.status_code, wanted)
    return error_of(response, who, wanted)


@dataclass(frozen=True)
class Failure:
    """What a cmdlet said. kind: the exception's class, without its namespace; within: those inside of it."""

    kind: str
    words: str
    within: tuple[str, ...] = ()


def said(text: str, kind: str = "") -> Failure:
    """What stands in an error's text: JSON, `id|class|words`, or words alone. kind: the class, where it names none."""
    try:
        whole = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        chain = list(_chain(whole))
        words = next((message for _, message in chain if message), text)
        return Failure(chain[0][0] or kind, words.strip(), tuple(inner for inner, _ in chain[1:]))
    parts = text.split("|", 2)
    if len(parts) == 3:
        return Failure(parts[1].strip().rpartition(".")[2], parts[2].strip())
    return Failure(kind, text.strip())


def _chain(error: Json) -> Iterator[tuple[str, str]]:
    """(class, message) of an exception and of those inside of it, the outer first."""
    for _ in range(8):
        kind, message = error.get("TypeName") or error.get("ClassName"), error.get("Message")
        yield str(kind or "").rpartition(".")[2], str(message or "")
        inner = error.get("InnerError") or error.get("InnerException")
        if not isinstance(inner, dict):
            return
        error = inner


def cmdlet_error(text: str, status: int, wanted: str, kind: str) -> MailmoveError:
    """What a cmdlet answered in PowerShell. kind: the exception's class, without its namespace."""
    failure = said(text, kind)
    return _passing(failure, wanted, retry_after({})) or _named(failure, status, wanted)


def error_in_body(error: Any, wanted: str) -> MailmoveError:
    """An error that the admin endpoint reports in the body of a good answer: a text, or an object."""
    if isinstance(error, dict):
        error = error.get("message") or json.dumps(error)
    return _named(said(str(error)), 200, wanted)


def is_absent(error: Rejected) -> bool:
    """Is there no such object?

    Unverified: the class names. `ManagementObjectNotFoundException` is what Exchange's cmdlets throw elsewhere.
    """
    return error.code in _ABSENT


def code_of(kind: str, words: str) -> str | None:
    """The class of an exception, or what its sentence says more exactly; None: neither is known."""
    if _BUSY.search(words):
        return _TOO_MANY
    if kind in _PASSING | _ABSENT or kind == _NO_SUCH_CMDLET:
        return kind
    return next((code for pattern, code in _SENTENCES.items() if re.search(pattern, words)), kind or None)


def inner_message(response: httpx.Response) -> str:
    """The most telling text of an error: details[0].message, the inner exception's, the error's own, or plain text."""
    try:
        error = part(response.json(), "error")
        words = [text_or(detail, "message") for detail in rows_or(error, "details")]
        inner = text_or(part_or(part_or(error, "innererror"), "internalexception"), "message")
        return next(filter(None, [*words, inner]), text_or(error, "message"))
    except (ValueError, AttributeError, RecursionError, AnswerUnreadable):
        return message_of(response)[1]


def _passing(failure: Failure, wanted: str, wait: float) -> MailmoveError | None:
    code = _code(failure)
    if code == _TOO_MANY:
        todo = "Wait as long as it asks."
        return Throttled(WHO, wanted=wanted, seen=failure.words, todo=todo, retry_after=wait, code=code)
    if code in _PASSING:
        todo = "Ask again; Microsoft's side is busy."
        return Transient(WHO, wanted=wanted, seen=f"{failure.kind}: {failure.words}", todo=todo, code=code)
    return None


def _code(failure: Failure) -> str | None:
    """The class that says most: one that is known, however far inside it stands; else the outermost."""
    known = (kind for kind in (failure.kind, *failure.within) if kind in _PASSING | _ABSENT or kind == _NO_SUCH_CMDLET)
    return code_of(next(known, failure.kind), failure.words)


def _named(failure: Failure, status: int, wanted: str) -> MailmoveError:
    code, kind, words = _code(failure), failure.kind, failure.words
    if code in _PASSING:
        todo = "Ask again; Microsoft's side is busy."
        return Transient(WHO, wanted=wanted, seen=f"{kind}: {words}", todo=todo, code=code)
    if code == _NO_SUCH_CMDLET:
        todo = "Give our application or group the Exchange Administrator role."
        return Refused(WHO, wanted=wanted, seen=words, todo=todo, code=code)
    shown = f"{status} {kind}: {words}" if kind or words else f"{status} without a word"
    todo = "Read what it says; nothing was changed."
    return Rejected(WHO, wanted=wanted, seen=shown, todo=todo, status=status, code=code)
