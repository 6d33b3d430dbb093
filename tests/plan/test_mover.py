"""Who copies the mailboxes: a table of what may be known, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from mailmove.plan.mover import MoverFacts, ReasonCode, choose_mover

GOOD: dict[str, Any] = {
    "mailboxes": 15, "tls": {"192.0.2.1": "TLSv1.2"}, "outlook_anywhere": "proved", "synchronised": False,
    "missing_rights": (), "short_of_licences": 0,
}  # fmt: skip
OLD = {"192.0.2.1": "TLSv1.2", "192.0.2.2": "TLSv1"}


@pytest.mark.parametrize(
    ("facts", "mover", "against_native", "against_direct"),
    [
        ({}, "native", set(), set()),
        ({"tls": OLD}, "direct", {"tls"}, set()),
        ({"tls": {"192.0.2.1": ""}}, "direct", {"tls"}, set()),
        ({"tls": OLD, "microsofts_test": "good"}, "direct", {"tls"}, set()),
        ({"tls": OLD, "microsofts_test": "good", "missing_rights": ("Mail.ReadWrite",)}, "native", {"tls"}, {"rights"}),
        ({"tls": OLD, "missing_rights": ("Mail.ReadWrite",)}, None, {"tls"}, {"rights"}),
        ({"tls": OLD, "short_of_licences": 1}, None, {"tls"}, {"licences"}),
        ({"outlook_anywhere": "to_enable"}, "native", set(), set()),
        ({"outlook_anywhere": "failed"}, "direct", {"outlook_anywhere"}, set()),
        ({"outlook_anywhere": "failed", "short_of_licences": 3}, "native", {"outlook_anywhere"}, {"licences"}),
        ({"microsofts_test": "failed"}, "direct", {"microsofts_test"}, set()),
        ({"microsofts_test": "no_cutover", "missing_rights": ("x",)}, None, {"microsofts_test"}, {"rights"}),
        ({"mailboxes": 150}, "native", set(), set()),
        ({"mailboxes": 151}, "direct", {"number"}, set()),
        ({"mailboxes": 151, "missing_rights": ("x",)}, "native", {"number"}, {"rights"}),
        ({"mailboxes": 2000, "missing_rights": ("x",)}, "native", {"number"}, {"rights"}),
        ({"mailboxes": 2001, "missing_rights": ("x",)}, None, {"number"}, {"rights"}),
        ({"synchronised": True}, "direct", {"synchronisation"}, set()),
        (dict.fromkeys(GOOD), "native", set(), set()),
        ({**dict.fromkeys(GOOD), "tls": OLD}, "direct", {"tls"}, set()),
    ],
)
def test_the_choice_follows_from_what_is_known(
    facts: dict[str, Any], mover: str | None, against_native: set[str], against_direct: set[str]
) -> None:
    choice = choose_mover(MoverFacts(**{**GOOD, **facts}))
    assert choice.mover == mover
    assert {reason.code.value for reason in choice.reasons_against("native")} == against_native
    assert {reason.code.value for reason in choice.reasons_against("direct")} == against_direct


def test_what_was_not_seen_is_said_and_counts_for_nothing() -> None:
    choice = choose_mover(MoverFacts())
    assert {reason.weight for reason in choice.reasons} == {"not_seen"}
    assert {reason.code for reason in choice.reasons} == set(ReasonCode) - {ReasonCode.MICROSOFTS_TEST}
