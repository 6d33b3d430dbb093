"""The whole inventory of a company of 200 mailboxes, every figure against the company itself, on every version."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from exchange_world import Server

from lab.authority import Authority
from lab.big_company import make_big_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places
from mailmove.errors import Refused, Transient
from mailmove.inventory.findings import findings_of
from mailmove.inventory.full import LARGEST_ITEM, FullInventory
from mailmove.inventory.table import rows_of

SIZE = 200


@pytest.fixture(scope="module", params=["8.3.83.6", "14.3.123.4", "15.0.847.32"])
def big(request: pytest.FixtureRequest) -> Iterator[Server]:
    with ExitStack() as running:
        places, authority, faults, company = Places(), Authority(), Faults(), make_big_company(SIZE)
        exchange = running.enter_context(OldExchange(places, authority, company, faults, version=request.param))
        yield Server(exchange, company, faults, places, authority)


@pytest.fixture(scope="module")
def found(big: Server) -> FullInventory:
    return big.block().full_inventory()


def test_every_mailbox_with_its_names_and_counts(big: Server, found: FullInventory) -> None:
    assert (found.server, found.version) == ("SBS2008", big.exchange.state.version)
    seen = {box.address: box for box in found.mailboxes}
    assert seen.keys() == {box.address for box in big.company.mailboxes}
    assert len(seen) == len(found.mailboxes) > SIZE
    for box in big.company.mailboxes:
        one = seen[box.address]
        assert (one.display_name, one.kind, one.hidden) == (box.display_name, box.kind, box.hidden)
        assert one.aliases == tuple(sorted(box.aliases))
        assert one.legacy_exchange_dn == box.legacy_exchange_dn
        if box.kind != "public_folder":
            assert (one.item_count, one.size) == (len(box.items), sum(item.size for item in box.items.values()))
    assert found.x500 == big.company.directory.x500
    assert big.block().inventory().mailboxes == found.mailboxes


def test_every_folder_with_its_items_and_bytes(big: Server, found: FullInventory) -> None:
    private = [box for box in big.company.mailboxes if box.kind != "public_folder"]
    assert found.folders.keys() == {box.address for box in private}
    for box in private:
        held: dict[str, list[int]] = defaultdict(list)
        for item in box.items.values():
            held[item.folder].append(item.size)
        seen = {folder.path: (folder.items, folder.size) for folder in found.folders[box.address]}
        assert {path: figures for path, figures in seen.items() if figures[0]} == {
            path: (len(sizes), sum(sizes)) for path, sizes in held.items()
        }
        assert {"Inbox", "Calendar"} <= seen.keys()


def test_groups_contacts_and_kinds_without_a_rule(big: Server, found: FullInventory) -> None:
    directory = big.company.directory
    assert {one.address: (one.kind, one.members, one.hidden) for one in found.groups} == {
        one.address: (one.kind, one.members, one.hidden) for one in directory.groups
    }
    known = {"MailContact": "contact", "MailUser": "mail_user"}
    assert {(one.address, one.kind, one.target) for one in found.contacts} == {
        (one.address, known[one.details], one.target or one.address) for one in directory.others if one.details in known
    }
    assert [(one.address, one.kind) for one in found.others] == [("forest@northwind.example", "MailForestContact")]


def test_rights_that_somebody_gave_and_no_others(big: Server, found: FullInventory) -> None:
    words = {"FullAccess": "full_access", "Send-As": "send_as", "SendOnBehalf": "send_on_behalf"}
    given = {(one.mailbox, words[one.right], one.trustee) for one in big.company.directory.rights}
    assert {(one.mailbox, one.right, one.trustee) for one in found.grants} == given
    assert len(found.grants) == len(given) > 0


def test_forwarding_rules_and_archives_as_far_as_the_version_has_them(big: Server, found: FullInventory) -> None:
    directory, old = big.company.directory, big.exchange.state.major < 14
    wanted = {(one.mailbox, one.to, "") for one in directory.forwardings if not (old and one.by_address)}
    if not old:
        wanted |= {(one.mailbox, to, one.name) for one in directory.rules for to in (*one.forward_to, *one.redirect_to)}
    assert {(one.mailbox, one.to, one.rule) for one in found.forwardings} == wanted
    archives = set() if old else {(one.mailbox, one.name, one.items, one.size) for one in directory.archives}
    assert {(one.mailbox, one.name, one.items, one.size) for one in found.archives} == archives
    assert [one.what for one in found.not_read] == (["inbox rules that forward mail"] if old else [])


def test_every_phone(big: Server, found: FullInventory) -> None:
    wanted = Counter((one.mailbox, one.device_id, one.model, one.last_sync) for one in big.company.directory.phones)
    assert Counter((one.mailbox, one.device_id, one.model, one.last_sync) for one in found.phones) == wanted
    assert len(wanted) > SIZE // 2


def test_machines_that_relay_but_not_the_internet(found: FullInventory) -> None:
    assert [(one.client_ip, one.host, one.senders, one.messages) for one in found.relays] == [
        ("192.168.16.40", "COPIER2", ("copier@northwind.example",), 5),
        ("10.1.2.3", "ups-basement", ("alerts@ups.example",), 3),
        ("203.0.113.25", "web.hoster.example", ("newsletter@northwind.example",), 2),
    ]


def test_items_over_the_limit_by_name(big: Server, found: FullInventory) -> None:
    wanted = {
        (box.address, item.folder, item.subject, item.size)
        for box in big.company.mailboxes
        for item in box.items.values()
        if item.size > LARGEST_ITEM
    }
    assert {(one.mailbox, one.folder, one.subject, one.size) for one in found.large_items} == wanted
    assert len(wanted) >= 1


def test_every_fact_is_in_the_findings_or_counted_there(big: Server, found: FullInventory) -> None:
    findings = findings_of(found)
    words = " ".join(f"{one.subject} {one.seen}" for one in findings)
    named = [
        *(box.address for box in found.mailboxes if box.kind != "user" or box.hidden),
        *(one.address for one in (*found.groups, *found.contacts, *found.others)),
        *(one.to for one in found.forwardings),
        *(one.trustee for one in found.grants),
        *(one.device_id for one in found.phones),
        *(one.client_ip for one in found.relays),
        *(one.subject for one in found.large_items),
        *(one.name for one in found.archives),
        *(one.what for one in found.not_read),
    ]
    assert [name for name in named if name not in words] == []
    assert f"{len([box for box in found.moving if box.legacy_exchange_dn])} mailboxes have" in words
    assert not [one for one in findings if one.blocks]
    assert len(rows_of(found)) == sum(
        len(facts)
        for facts in (
            found.mailboxes, found.groups, found.contacts, found.others, found.forwardings, found.grants,
            found.archives, found.disconnected, found.accepted_domains, found.large_items, found.phones, found.relays,
            found.not_read,
        )
    )  # fmt: skip


def test_a_session_that_breaks_is_made_again(module_server: Server) -> None:
    found = module_server.block().full_inventory()
    module_server.faults.set("shell.lost", times=2)
    try:
        again = module_server.block().full_inventory()
    finally:
        module_server.faults.clear()
    assert again == found


@pytest.mark.parametrize("fault", ["shell.deep", "shell.shallow", "shell.scalars", "exchange.disconnected"])
def test_however_the_server_sends_values_they_are_the_same(module_server: Server, fault: str) -> None:
    found = module_server.block().full_inventory()
    module_server.faults.set(fault)
    try:
        again = module_server.block().full_inventory()
    finally:
        module_server.faults.clear()
    assert again.model_copy(update={"disconnected": []}) == found


def test_a_server_that_stays_away_is_no_empty_inventory(module_server: Server) -> None:
    module_server.faults.set("shell.busy")
    try:
        with pytest.raises(Transient):
            module_server.block().full_inventory()
    finally:
        module_server.faults.clear()


def test_a_refused_sign_in_is_said_at_once(big: Server) -> None:
    with pytest.raises(Refused):
        big.block(password="wrong").full_inventory()
