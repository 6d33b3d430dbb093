"""Sizes with no-break spaces, apostrophes and points between thousands. Source: .NET's cultures; E. Dodds on sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from case_world import DOMAIN, message
from shell_world import shell_world

from blocks.exchange.inventory.large_items import suspects
from blocks.exchange.powershell.recipients import mailboxes, statistics
from blocks.exchange.powershell.values import bytes_of
from lab.exchange.powershell.cultures import CULTURES
from lab.mail_store import Mailbox
from mailmove.inventory.findings import findings_of
from mailmove.inventory.full import Archive, FullInventory, MailFolder
from mailmove.inventory.server import SourceMailbox

ANNA = f"anna@{DOMAIN}"
LARGE = 200 * 1024**2


@pytest.mark.parametrize("fault", ["", "shell.shallow"])
@pytest.mark.parametrize("version", ["14.3.123.4", "15.1.2507.6"])
@pytest.mark.parametrize("culture", sorted(CULTURES))
def test_a_mailbox_and_its_large_item_are_seen(culture: str, version: str, fault: str) -> None:
    box = Mailbox(ANNA, "anna", legacy_exchange_dn="/o=k/cn=anna")
    item = replace(message("a", "Film"), weight=LARGE)
    box.items[item.id] = item
    with shell_world([box], version=version, culture=culture, faults=[fault] if fault else []) as w:
        inventory = w.server.full_inventory()
        [anna] = inventory.mailboxes
        assert (anna.size, anna.item_count) == (LARGE, 1)
        assert [(large.subject, large.size) for large in inventory.large_items] == [("Film", LARGE)]
        assert inventory.not_read == []


@pytest.mark.parametrize(
    ("shown", "size"),
    [
        ("4366B", 4366),
        ("0B", 0),
        ("4.264 KB (4,366 bytes)", 4366),
        ("4,264 KB (4.366 Bytes)", 4366),
        ("1.205 MB (1\u00a0263\u00a0616 octets)", 1263616),
        ("1,205 MB (1\u202f263\u202f616 octets)", 1263616),
        ("1.205 MB (1'263'616 bytes)", 1263616),
        ("1.205 MB (1\u2019263\u2019616 bytes)", 1263616),
        ("92 MB (9,87,65,432 bytes)", 98765432),
        ("1.205 MB (1,263,616 バイト)", 1263616),
        ("200 MB (209715200 bytes)", 209715200),
        (4366, 4366),
        ({"IsUnlimited": False, "Value": "4.264 KB (4,366 bytes)"}, 4366),
        ("Unlimited", None),
        ("4.264 KB", None),
        ("", None),
        (None, None),
        (True, None),
        ("(1.5 bytes)", None),
        (-1, None),
    ],
)
def test_bytes_of_what_is_shown(shown: object, size: int | None) -> None:
    assert bytes_of(shown) == size


def test_what_is_not_read_is_never_zero() -> None:
    row = {"PrimarySmtpAddress": ANNA, "DisplayName": "Anna", "RecipientTypeDetails": "SharedMailbox"}
    dn = {"LegacyDN": "/o=k/cn=anna", "DisplayName": "Anna"}
    refused: list[str] = []
    counts = statistics([{**dn, "ItemCount": 5, "TotalItemSize": "viele KB"}], refused)
    [box] = mailboxes([{**row, "LegacyExchangeDN": "/o=k/cn=anna"}], counts)
    assert (box.item_count, box.size) == (5, None)
    assert len(refused) == 1 and "viele KB" in refused[0]
    archive = Archive(mailbox=ANNA, name="Alt", items=3)
    found = findings_of(FullInventory(server="S", version="14.3.1.1", mailboxes=[box], archives=[archive]))
    assert "could not be read" in next(finding.todo for finding in found if "shared" in finding.seen)
    assert "of a size that could not be read" in next(finding.seen for finding in found if "archive" in finding.seen)


def test_a_folder_of_unknown_size_is_looked_into() -> None:
    folder = MailFolder(path="Inbox", items=1, size=None)
    assert suspects([SourceMailbox(address=ANNA, display_name="a", kind="user")], {ANNA: (folder,)}) == [ANNA]
