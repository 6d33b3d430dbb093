"""Errors of Exchange Online's cmdlets, by whatever way they are run, as errors of Mailmove.

Their code is the class of the exception, without its namespace. Exchange throws general classes
(`ValidationException`, `Exception`) for things that must be told apart; then its sentence is read, here and nowhere
else. Sources: ExoHelper Get-ExoException.ps1, Microsoft's module; those of the sentences stand beside them.
"""

from __future__ import annotations

import re

import httpx

from blocks.microsoft365.answers import Rejected, error_of, message_of, retry_after
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
    """Name an error of the admin endpoint (`JsonClient.explain`).

    Unverified on a real tenant: read in ExoHelper's Get-ExoException.ps1 and in Microsoft's module.
    """
    kind = response.headers.get("X-ExceptionType", "").rpartition(".")[2]
    text = inner_message(response)
    passing = _passing(text, kind, wanted, retry_after(response.headers))
    if passing is not None:
        return passing
    if response.status_code in {400, 404}:
        return _named(text, response.status_code, wanted, kind)
    return error_of(response, who, wanted)


def cmdlet_error(text: str, status: int, wanted: str, kind: str) -> MailmoveError:
    """What a cmdlet answered in PowerShell. kind: the exception's class, without its namespace."""
    return _passing(text, kind, wanted, retry_after({})) or _named(text, status, wanted, kind)


def error_in_body(text: str, wanted: str) -> MailmoveError:
    """An error that the admin endpoint reports in the body of a good answer."""
    return _named(text, 200, wanted)


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


def _passing(text: str, kind: str, wanted: str, wait: float) -> MailmoveError | None:
    code = code_of(kind, text)
    if code == _TOO_MANY:
        todo = "Wait as long as it asks."
        return Throttled(WHO, wanted=wanted, seen=text, todo=todo, retry_after=wait, code=code)
    if code in _PASSING:
        todo = "Ask again; Microsoft's side is busy."
        return Transient(WHO, wanted=wanted, seen=f"{kind}: {text}", todo=todo, code=code)
    return None


def _named(text: str, status: int, wanted: str, kind: str = "") -> MailmoveError:
    """`<error id>|<exception class>|<words>`, or words alone, as an error."""
    parts = text.split("|", 2)
    words = parts[-1].strip()
    kind = parts[1].strip().rpartition(".")[2] if len(parts) == 3 else kind
    code = code_of(kind, words)
    if code in _PASSING:
        todo = "Ask again; Microsoft's side is busy."
        return Transient(WHO, wanted=wanted, seen=f"{kind}: {words}", todo=todo, code=code)
    if code == _NO_SUCH_CMDLET:
        todo = "Give our application or group the Exchange Administrator role."
        return Refused(WHO, wanted=wanted, seen=words, todo=todo, code=code)
    shown = f"{status} {kind}: {words}" if kind or words else f"{status} without a word"
    todo = "Read what it says; nothing was changed."
    return Rejected(WHO, wanted=wanted, seen=shown, todo=todo, status=status, code=code)
