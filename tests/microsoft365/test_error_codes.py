"""Codes of errors: what a service calls its refusal, and the sentences that stand for a code where it has none."""

from __future__ import annotations

import pickle
from typing import Any

import httpx
import pytest

from blocks.microsoft365 import cmdlet_errors
from blocks.microsoft365.answers import Rejected, ServerFailed, TooManyRequests, error_of
from blocks.microsoft365.domains import ELSEWHERE, verification_code
from blocks.microsoft365.signing_in import entra
from mailmove.errors import Drifted, MailmoveError, Refused, SignInRefused, Throttled


@pytest.mark.parametrize(
    "error",
    [
        SignInRefused("Entra", wanted="a token", seen="words", todo="Sign in.", code="AADSTS65001"),
        Throttled("Graph", wanted="users", seen="words", todo="Wait.", retry_after=7.5, code="TooManyRequests"),
        TooManyRequests("Graph", wanted="users", seen="429", todo="Wait.", retry_after=7.5),
        Rejected("Graph", wanted="users", seen="words", todo="Read.", status=404, code="Request_ResourceNotFound"),
    ],
)
def test_an_error_keeps_its_code_when_prefect_stores_it(error: MailmoveError) -> None:
    kept = pickle.loads(pickle.dumps(error))
    assert type(kept) is type(error) and vars(kept) == vars(error) and str(kept) == str(error)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "invalid_grant", "error_codes": [65001], "error_description": "Zustimmung fehlt"}, "AADSTS65001"),
        ({"error": "invalid_grant", "error_description": "AADSTS50020: User account ..."}, "AADSTS50020"),
        ({"error": "invalid_grant", "error_codes": []}, None),
        ({"error": "invalid_client"}, None),
    ],
)
def test_the_number_of_a_refused_sign_in(answer: dict[str, Any], code: str | None) -> None:
    assert entra.code_of(answer) == code


@pytest.mark.parametrize(
    ("kind", "words", "code"),
    [
        ("ValidationException", "CNAME record does not exist for this config. Please publish ...", "CnameMissing"),
        ("ValidationException", "... you first need to run the command: Enable-OrganizationCustomization.",
         "OrganizationNotCustomized"),
        ("ADObjectAlreadyExistsException", "exists already", "ADObjectAlreadyExistsException"),
        ("ManagementObjectNotFoundException", "Das Objekt wurde nicht gefunden", "ManagementObjectNotFoundException"),
        ("", "because object 'nobody' couldn't be found on 'DC1'", "ManagementObjectNotFoundException"),
        ("Exception", "DCOverloaded: try later", "DCOverloadedException"),
        ("DCOverloadedException", "the maximum number of concurrent connections", "TooManyRequests"),
        ("", "", None),
    ],
)  # fmt: skip
def test_the_code_of_a_cmdlets_error(kind: str, words: str, code: str | None) -> None:
    assert cmdlet_errors.code_of(kind, words) == code


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Rejected, "Request_BadRequest"),
        (403, Refused, "Request_BadRequest"),
        (409, Drifted, "Request_BadRequest"),
        (429, TooManyRequests, "Request_BadRequest"),
        (500, ServerFailed, "Request_BadRequest"),
    ],
)
def test_every_error_of_graph_has_graphs_code(status: int, kind: type[MailmoveError], code: str) -> None:
    answer = httpx.Response(status, json={"error": {"code": code, "message": "words"}})
    error = error_of(answer, "Graph", "users")
    assert (type(error), error.code) == (kind, code)


def test_only_a_429_is_known_to_have_done_nothing() -> None:
    answer = httpx.Response(503, headers={"Retry-After": "3"})
    assert type(error_of(answer, "Graph", "users")) is Throttled


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        ("Request_BadRequest", "The domain is already verified in another tenant.", ELSEWHERE),
        ("ObjectConflict", "", ELSEWHERE),
        ("Request_BadRequest", "Domain verification failed with the following error: 'DNS record not found'.", None),
    ],
)
def test_a_domain_of_another_tenant_is_told_from_dns_that_is_not_ready(
    code: str, words: str, expected: str | None
) -> None:
    assert verification_code(code, words) == expected
