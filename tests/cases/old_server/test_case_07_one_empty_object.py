"""One object of an answer has $null in all its properties: it is named, and the others are read; nothing is off."""

from __future__ import annotations

import pytest
from case_world import DOMAIN
from shell_world import VERSIONS, shell_world

from lab.company_directory import small_directory
from lab.directory import Directory, Right
from lab.mail_store import Mailbox
from mailmove.errors import MailmoveError

ADDRESSES = [f"{name}@{DOMAIN}" for name in ("anna", "bert", "carla", "info")]


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_each_object_of_an_inventory_in_its_turn(version: str) -> None:
    boxes = [Mailbox(address, address.partition("@")[0], legacy_exchange_dn=f"/cn={address}") for address in ADDRESSES]
    with shell_world(boxes, small_directory(DOMAIN, ADDRESSES), version=version) as w:
        whole = w.server.full_inventory()
        for place in range(0, 120, 7):
            w.faults.set("shell.empty_object", times=1, after=place)
            try:
                inventory = w.server.full_inventory()
            except MailmoveError:
                continue
            finally:
                struck = not w.faults.take("shell.empty_object")
                w.faults.clear()
            same = whole.model_copy(update={"not_read": []}) == inventory.model_copy(update={"not_read": []})
            unknown = any(box.item_count is None for box in inventory.mailboxes)
            assert not struck or same or unknown or len(inventory.not_read) > len(whole.not_read), place


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_each_object_of_the_permissions_in_its_turn(version: str) -> None:
    boxes = [Mailbox(address, address.partition("@")[0]) for address in ADDRESSES]
    rights = tuple(Right(address, ADDRESSES[-1], "FullAccess") for address in ADDRESSES[:-1])
    left = 0
    with shell_world(boxes, Directory(rights=rights), version=version) as w:
        whole = w.server.grants()
        assert len(whole.given) == 3 and not whole.not_read
        for place in [*range(24)] * 6:  # three sessions at once: which object is the nth is luck
            w.faults.set("shell.empty_object", times=1, after=place)
            try:
                grants = w.server.grants()
            except MailmoveError:
                continue  # the server itself: without it there is nothing to read
            finally:
                w.faults.clear()
            missing = len(whole.given) - len(grants.given)
            assert missing in (0, 1) and len(grants.not_read) >= missing, place
            left += missing
            if left == 3:
                break
    assert left, "a right was left, and named"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_answer_about_outlook_anywhere_is_not_off(version: str) -> None:
    with shell_world([Mailbox(ADDRESSES[0], "anna")], version=version) as w:
        if w.old.state.major < 15:
            w.old.state.set_outlook_anywhere(
                {
                    "ExternalHostname": "mail.kunde.example",
                    "ClientAuthenticationMethod": "Basic",
                    "IISAuthenticationMethods": ["Basic"],
                    "SSLOffloading": False,
                }
            )
        w.faults.set("shell.empty_object", after=1)
        with pytest.raises(MailmoveError, match="Identity"):
            w.server.outlook_anywhere()
