"""What the nights count: which calls as acts (what tries a right changes nothing), which lost items as left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import dns.update
import pytest

from blocks.dns.update_message import trial_message
from lab.mail.accountant import Entry
from lab.mail_store import StoredItem
from lab.nights.cruelty import CONTROL, left_by_decision
from lab.nights.dying import ACTS, _aws, _dns

ZONE = "contoso.com."
KEYS = [*((ZONE, rtype) for rtype in ("MX", "TXT", "SRV", "A", "AAAA")), ("autodiscover.contoso.com.", "CNAME")]
CHANGE = "<Change><Action>{}</Action><ResourceRecordSet><Value>{}</Value></ResourceRecordSet></Change>"


def test_a_trial_of_rights_is_no_act() -> None:
    assert not ACTS.match(_dns(trial_message(ZONE, KEYS, {})))


@pytest.mark.parametrize("value", ["10 mail.contoso.com.", "0 contoso-com.mail.protection.outlook.com."])
def test_a_value_that_a_zone_may_hold_is_one(value: str) -> None:
    trial = trial_message(ZONE, KEYS, {})
    trial.delete("@", "MX", value)
    assert ACTS.match(_dns(trial)), "taken away beside what nobody has"
    added = dns.update.UpdateMessage(ZONE)
    added.add("@", 300, "MX", value)
    assert ACTS.match(_dns(added))


@pytest.mark.parametrize(
    ("changes", "is_act"),
    [
        ([("DELETE", "65535 mailmove-check-0a.invalid.")], False),
        ([("DELETE", "240.1.2.3"), ("DELETE", "100::1:2:3:4")], False),
        ([("DELETE", "65535 mailmove-check-0a.invalid."), ("DELETE", "10 mail.contoso.com.")], True),
        ([("CREATE", "240.1.2.3")], True),
        ([("UPSERT", "10 mail.contoso.com.")], True),
    ],
)
def test_at_route_53_too(changes: list[tuple[str, str]], is_act: bool) -> None:
    body = "".join(CHANGE.format(*change) for change in changes).encode()
    request = SimpleNamespace(body=body, url="https://route53.example/2013-04-01/hostedzone/Z1/rrset/", method="POST")
    assert bool(ACTS.match(_aws(None, request))) is is_act


@pytest.mark.parametrize(("text", "left"), [("anna left 'notes 9�' out", True), ("anna left another one out", False)])
def test_an_item_that_is_sick_and_odd_is_left_by_the_decision_that_names_it(text: str, left: bool) -> None:
    """The accountant knows it by the subject that it was sent with."""
    day = datetime(2026, 11, 1, tzinfo=UTC)
    sick = StoredItem("1", "Inbox", "message", b"", day, "<9@contoso.com>", f"notes 9{CONTROL}")
    entry = Entry("lost", "anna@contoso.com", "<9@contoso.com>", "notes 9")
    assert left_by_decision(entry, [sick], [text]) is left
