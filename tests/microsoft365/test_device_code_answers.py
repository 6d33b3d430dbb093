"""What a sign-in by code makes of answers that are not as the page says; waits are bounded, tokens stay out of logs."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from blocks.microsoft365.signing_in import entra
from blocks.microsoft365.signing_in.device_code import _bounded, _person
from mailmove.errors import AnswerUnreadable


@pytest.mark.parametrize("claims", [None, [], "x", 7, {}, {"preferred_username": {"a": 1}}, {"oid": ""}])
def test_claims_that_name_nobody_are_of_a_person(claims: Any) -> None:
    assert _person(claims) == "a person"


def test_who_is_named_is_named() -> None:
    assert _person({"preferred_username": "anna@contoso.com", "oid": "1"}) == "anna@contoso.com"
    assert _person({"preferred_username": None, "oid": "1"}) == "1"


def test_a_code_that_lasts_for_ever_is_waited_for_no_longer_than_half_an_hour() -> None:
    flow: dict[str, Any] = {"expires_in": 10**12, "interval": 10**12, "expires_at": 10**13}
    _bounded(flow)
    assert flow["expires_at"] <= time.time() + 1800
    assert flow["interval"] <= 1800


@pytest.mark.parametrize("flow", [{}, {"expires_in": None}, {"expires_in": "soon"}, {"expires_in": 9, "interval": []}])
def test_a_flow_without_its_end_is_unreadable(flow: dict[str, Any]) -> None:
    with pytest.raises(AnswerUnreadable):
        _bounded(flow)


def test_what_the_library_cannot_read_it_does_not_write_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert entra.WHO
    logging.getLogger("msal.oauth2cli.oauth2").exception("Token response is not in json format: %s", "a-secret-token")
    assert "a-secret-token" not in caplog.text
