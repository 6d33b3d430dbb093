"""SELF as Windows translates it, and folders in the mailbox's language: by SID and type. Source: FastTrack 178."""

from __future__ import annotations

import pytest
from case_world import DOMAIN
from shell_world import VERSIONS, shell_world

from lab.directory import Directory, Right
from lab.exchange.powershell.cultures import CULTURES
from lab.mail_store import Mailbox
from mailmove.errors import Blocked
from mailmove.inventory.findings import findings_of

ANNA, JOSE, INFO = f"anna@{DOMAIN}", f"jose@{DOMAIN}", f"info@{DOMAIN}"
RIGHTS = (
    Right(ANNA, JOSE, "FullAccess"),
    Right(INFO, ANNA, "FullAccess"),
    Right(INFO, ANNA, "Send-As"),
    Right(ANNA, JOSE, "SendOnBehalf"),
)
BOXES = [Mailbox(address, address.partition("@")[0]) for address in (ANNA, JOSE, INFO)]


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("fault", ["", "shell.shallow"])
@pytest.mark.parametrize("culture", sorted(CULTURES))
def test_four_rights_and_no_owner_among_them(culture: str, fault: str, version: str) -> None:
    with shell_world(
        BOXES, Directory(rights=RIGHTS), version=version, culture=culture, faults=[fault] if fault else []
    ) as w:
        inventory = w.server.full_inventory()
        assert sorted((grant.mailbox, grant.trustee) for grant in inventory.grants) == sorted(
            (right.mailbox, right.trustee) for right in RIGHTS
        )
        assert [finding.subject for finding in findings_of(inventory) if "No address is known" in finding.todo] == []
        assert w.server.grants().given == inventory.grants


@pytest.mark.parametrize("culture", ["de-DE", "fr-FR", "ja-JP"])
def test_folders_are_known_by_type_and_shown_by_name(culture: str) -> None:
    with shell_world(BOXES, version="14.3.123.4", culture=culture) as w:
        w.old.store.put(ANNA, b"Subject: x\r\n\r\nhello", folder="Inbox/2021")
        folders = w.server.full_inventory().folders[ANNA]
        speech = CULTURES[culture]
        assert {folder.kind: folder.path for folder in folders}["Inbox"] == speech.folder("Inbox")
        assert f"{speech.folder('Inbox')}/2021" in [folder.path for folder in folders]
        assert "Root" not in [folder.kind for folder in folders], "the top holds nothing and is no folder of a person"


def test_the_servers_words_about_an_error_are_no_reason_to_go_wrong() -> None:
    with shell_world(BOXES, version="14.3.123.4", culture="de-DE") as w:
        with w.server._shell() as shell, pytest.raises(Blocked, match="nicht gefunden") as caught:
            shell.run("Get-Mailbox", Identity="niemand")
        assert caught.value.code == "ManagementObjectNotFoundException"
