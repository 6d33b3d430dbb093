"""Deny is a SwitchParameter: an object whose text is "False", or that text. Source: demisto's EWS integration."""

from __future__ import annotations

from typing import Any

import pytest
from case_world import DOMAIN, message, world
from shell_world import VERSIONS, shell_world

from blocks.exchange.powershell import values
from blocks.exchange.powershell.from_clixml import properties
from blocks.microsoft365.mailbox_permissions import MailboxPermissions
from lab.directory import Directory, Right
from lab.mail_store import Mailbox
from mailmove.errors import Blocked, MailmoveError
from mailmove.inventory.full import Grant

ANNA, JOSE, INFO = f"anna@{DOMAIN}", f"jose@{DOMAIN}", f"info@{DOMAIN}"
GIVEN = [
    Grant(mailbox=ANNA, right="full_access", trustee=JOSE),
    Grant(mailbox=INFO, right="full_access", trustee=ANNA),
    Grant(mailbox=INFO, right="send_as", trustee=ANNA),
]
WORDS = {"full_access": "FullAccess", "send_as": "Send-As"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fault", ["", "shell.shallow", "shell.deep", "shell.scalars"])
def test_three_rights_and_not_the_one_that_is_denied(version: str, fault: str) -> None:
    rights = [Right(grant.mailbox, grant.trustee, WORDS[grant.right]) for grant in GIVEN]
    taken = [Right(ANNA, INFO, "FullAccess", denied=True), Right(JOSE, INFO, "Send-As", denied=True)]
    boxes = [Mailbox(address, address) for address in (ANNA, JOSE, INFO)]
    directory = Directory(rights=(*rights, *taken))
    with shell_world(boxes, directory, version=version, faults=[fault] if fault else []) as w:
        grants = w.server.grants()
        assert grants.given == GIVEN
        assert grants.not_read == []


@pytest.mark.parametrize("fault", ["", "admin.switch_objects", "admin.switch_texts"])
def test_a_right_given_in_the_cloud_is_seen_when_it_is_read_back(fault: str) -> None:
    with world({ANNA: [message("a", "Hallo")], JOSE: []}) as w:
        if fault:
            w.faults.set(fault)
        w.target.permissions.add(GIVEN[0])
        assert w.target.permissions.of([ANNA]) == [GIVEN[0]]
        w.target.permissions.remove(GIVEN[0])
        assert w.target.permissions.of([ANNA]) == []


class _Exchange:
    """Exchange Online that shows one right, with a Deny of our choice."""

    def __init__(self, deny: Any) -> None:
        self.deny = deny

    def of_one(self, cmdlet: str, parameters: dict[str, Any], *, wanted: str) -> list[dict[str, Any]]:
        row = {"User": JOSE, "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": self.deny}
        return [row] if cmdlet == "Get-MailboxPermission" else []

    def run(self, cmdlet: str, parameters: dict[str, Any] | None = None, *, wanted: str) -> list[dict[str, Any]]:
        return []


@pytest.mark.parametrize(
    ("deny", "shown"),
    [(False, 1), ("False", 1), ({"IsPresent": False}, 1), (None, 1), (True, 0), ("True", 0), ({"IsPresent": True}, 0)],
)
def test_each_form_of_deny_in_the_cloud(deny: Any, shown: int) -> None:
    assert len(MailboxPermissions(_Exchange(deny)).of([ANNA])) == shown  # type: ignore[arg-type]


@pytest.mark.parametrize("deny", ["perhaps", {"x": 1}, ["False"], 7])
def test_a_form_that_nobody_knows_is_no_yes_and_no_no(deny: Any) -> None:
    with pytest.raises(MailmoveError, match="Deny"):
        MailboxPermissions(_Exchange(deny)).of([ANNA])  # type: ignore[arg-type]


SWITCH = "<TN RefId='1'><T>{type}</T><T>System.Object</T></TN><ToString>{text}</ToString>"
PRESENT = "<Props><B N='IsPresent'>{on}</B></Props>"


@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize("prefix", ["", "Deserialized."])
@pytest.mark.parametrize("text", ["False", "True", "Falsch", ""])
def test_a_switch_on_the_wire_is_what_is_present(on: bool, prefix: str, text: str) -> None:
    kind = SWITCH.format(type=f"{prefix}System.Management.Automation.SwitchParameter", text=text)
    xml = (
        f"<Obj RefId='0'><Props><Obj N='Deny' RefId='1'>{kind}{PRESENT.format(on=str(on).lower())}</Obj></Props></Obj>"
    )
    assert values.flag(properties(xml), "Deny") is on


@pytest.mark.parametrize(
    "value", ["<S N='Deny'>Falsch</S>", "<I32 N='Deny'>0</I32>", "<Nil N='Deny'/>", "<B N='Deny'/>"]
)
def test_a_deny_that_cannot_be_read_names_cmdlet_and_property(value: str) -> None:
    row = properties(f"<Obj RefId='0'><Props><S N='Identity'>a/b</S>{value}</Props></Obj>")
    row.cmdlet = "Get-MailboxPermission"
    with pytest.raises(Blocked, match=r"Get-MailboxPermission.*Deny.*a/b"):
        values.flag(row, "Deny")
