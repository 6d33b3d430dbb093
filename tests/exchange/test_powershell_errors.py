"""Errors of remote PowerShell are named by class and number, whatever language the server speaks."""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from pypsrp.exceptions import AuthenticationError, WSManFaultError

from blocks.exchange.powershell.errors import of_exception, of_records
from blocks.exchange.powershell.from_clixml import NotClixml
from mailmove.errors import Blocked, MailmoveError, Refused, SignInRefused, Throttled, Transient


def _record(reason: str, error_id: str, words: str) -> Any:
    class Record(SimpleNamespace):
        def __str__(self) -> str:
            return words

    return Record(reason=reason, fq_error=error_id)


@pytest.mark.parametrize(
    ("reason", "error_id", "words", "kind"),
    [
        ("ItemNotFoundException", "PathNotFound", "Der Pfad ist nicht vorhanden.", Blocked),
        ("UnauthorizedAccessException", "x", "Zugriff verweigert", Refused),
        ("SecurityException", "x", "Access is denied.", Refused),
        ("ADTransientException", "x", "Bitte erneut versuchen", Transient),
        ("CommandNotFoundException", "CommandNotFoundException", "nicht erkannt", Blocked),
    ],
)
def test_a_cmdlets_error_has_its_class_as_code(
    reason: str, error_id: str, words: str, kind: type[MailmoveError]
) -> None:
    error = of_records("Exchange", "Get-ItemProperty", [_record(reason, error_id, words)])
    assert (type(error), error.code, error.seen) == (kind, reason, words)


def test_an_error_without_a_record_has_no_code() -> None:
    assert of_records("Exchange", "Get-Mailbox", ["plain words"]).code is None


def _wrapped(inner: Exception) -> requests.exceptions.SSLError:
    return requests.exceptions.SSLError(ConnectionError("Max retries exceeded", inner))


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (AuthenticationError("no"), SignInRefused, "name and password"),
        (_wrapped(ssl.SSLCertVerificationError(1, "self-signed")), Blocked, "extra_ca"),
        (_wrapped(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")), Transient, "hung up"),
        (_wrapped(TimeoutError("The handshake operation timed out")), Transient, "hung up"),
        (_wrapped(ssl.SSLError(1, "unsupported protocol")), Blocked, "TLS 1.2"),
    ],
)
def test_a_failed_connection_is_named_by_its_type(error: Exception, kind: type[MailmoveError], advice: str) -> None:
    named = of_exception("Exchange", error, "a session", status=0, signs_in="mover with basic")
    assert type(named) is kind and advice in named.todo


class _Record(SimpleNamespace):
    def __str__(self) -> str:
        return "Zugriff verweigert"


@pytest.mark.parametrize(
    ("reason", "category", "kind"),
    [
        ("ADOperationException", 18, Refused),
        ("LocalizedException", 25, Refused),
        ("MapiAccessDeniedException", 0, Refused),
        ("SecurityException", 0, Refused),
        ("LocalizedException", 7, Blocked),
    ],
)
def test_a_refusal_in_another_language_is_known_by_class_and_category(
    reason: str, category: int, kind: type[MailmoveError]
) -> None:
    error = of_records("Exchange", "Get-Mailbox", [_Record(reason=reason, fq_error="x", category=category)])
    assert type(error) is kind


@pytest.mark.parametrize("code", [0x803381A5, 0x803381A7, 0x803381E6])
def test_a_quota_of_winrm_is_known_by_its_number(code: int) -> None:
    fault = WSManFaultError(code, "server", "Die Anzahl der Shells ist erreicht.", None, None, None)
    named = of_exception("Exchange", fault, "a session", status=500, signs_in="mover with basic")
    assert isinstance(named, Throttled)


@pytest.mark.parametrize(
    "error", [KeyError("3"), ValueError("x"), AttributeError("text"), NotClixml("no element found")]
)
def test_an_answer_that_cannot_be_read_is_asked_for_again(error: Exception) -> None:
    named = of_exception("Exchange", error, "a session", status=200, signs_in="mover with basic")
    assert type(named) is Transient and "cannot be read" in named.seen
