"""A disconnected mailbox with the LegacyDN of one in use. Source: experts-exchange 33528, blackmanticore.com."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from case_world import DOMAIN, message
from shell_world import VERSIONS, shell_world

from blocks.exchange.powershell.recipients import disconnected, mailboxes, statistics
from lab.directory import Archive, Directory, Disconnected
from lab.mail_store import Mailbox
from mailmove.inventory.findings import findings_of

ANNA = f"anna@{DOMAIN}"
DN = "/o=Kunde/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=anna"
SINCE = datetime(2026, 11, 2, 3, tzinfo=UTC)
LIVE: dict[str, Any] = {
    "LegacyDN": DN, "ItemCount": 48211, "TotalItemSize": "9876543210B", "DisconnectDate": None,
    "DisconnectReason": None,
}  # fmt: skip
GONE = {**LIVE, "ItemCount": 12, "TotalItemSize": "40960B", "DisconnectDate": SINCE, "DisconnectReason": "SoftDeleted"}
OF_2007 = {name: value for name, value in GONE.items() if name != "DisconnectReason"}
DISABLED = {**GONE, "DisconnectReason": "Disabled", "DisconnectDate": None}
ARCHIVE = {**LIVE, "ItemCount": 7, "TotalItemSize": "70B", "IsArchiveMailbox": True}
ROW = {
    "PrimarySmtpAddress": ANNA, "DisplayName": "Anna", "RecipientTypeDetails": "UserMailbox",
    "LegacyExchangeDN": DN.upper(), "EmailAddresses": [f"SMTP:{ANNA}"],
}  # fmt: skip


@pytest.mark.parametrize("rows", list(permutations([LIVE, GONE, OF_2007, DISABLED, ARCHIVE])))
def test_the_counts_are_those_of_the_mailbox_in_use(rows: tuple[dict[str, Any], ...]) -> None:
    [box] = mailboxes([ROW], statistics(rows))
    assert (box.item_count, box.size) == (48211, 9876543210)
    gone = disconnected(rows, [box])
    assert [(kept.mailbox, kept.items) for kept in gone] == [(ANNA, 12)] * 3


def test_only_a_disconnected_one_is_no_count_of_a_mailbox_in_use() -> None:
    [box] = mailboxes([ROW], statistics([GONE]))
    assert (box.item_count, box.size) == (None, None)


def test_two_in_use_of_one_name_are_nobodys_count() -> None:
    refused: list[str] = []
    [box] = mailboxes([ROW], statistics([LIVE, {**LIVE, "ItemCount": 3}], refused))
    assert (box.item_count, box.size) == (None, None)
    assert len(refused) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_the_other_is_named(version: str) -> None:
    box = Mailbox(ANNA, "Anna", legacy_exchange_dn=DN)
    box.items["a"] = message("a", "Hallo")
    gone = Disconnected("Bert Weg", "/o=Kunde/cn=bert", 900, 2**31, SINCE)
    directory = Directory(disconnected=(gone,), archives=(Archive(ANNA, "Alt", 5, 500),))
    with shell_world([box], directory, version=version, faults=["exchange.disconnected"]) as w:
        for inventory in (w.server.inventory(), full := w.server.full_inventory()):
            assert [(b.item_count, b.size) for b in inventory.mailboxes] == [(1, box.items["a"].size)]
        assert [(kept.display_name, kept.mailbox, kept.items) for kept in full.disconnected] == [
            ("Anna", ANNA, 3), ("Bert Weg", "", 900),
        ]  # fmt: skip
        twin, left = [finding for finding in findings_of(full) if "disconnected" in finding.seen]
        assert (twin.subject, twin.needs_action) == (ANNA, False)
        assert "900 items" in left.seen and left.needs_action
