"""The production block before the lab's old server, over both of its ways in."""

from __future__ import annotations

import email
from datetime import timedelta
from email.policy import default

import pytest
from exchange_world import Server, StartServer

from blocks.exchange.ews.client import EwsClient
from lab.item_parts import contact_parts, event_parts
from mailmove.clock import now
from mailmove.errors import Blocked, Refused, Throttled, Transient
from mailmove.inventory.server import OutlookAnywhere
from mailmove.items.item import Arrival
from mailmove.items.keys import contact_key, event_key

WANTED = OutlookAnywhere(external_host="mail.northwind.example", authentication="Basic")
OTHER = OutlookAnywhere(external_host="old.northwind.example", authentication="NTLM", ssl_offloading=True)


@pytest.fixture(scope="module", params=["14.3.123.4", "15.0.847.32"])
def later(request: pytest.FixtureRequest, start_server: StartServer) -> Server:
    return start_server(request.param, messages=60)


ANY = ["<1@x.example>"]


def message_ids(server: Server, address: str) -> list[str]:
    return [item.message_id for item in server.exchange.store.snapshot(address) if item.message_id]


def users(server: Server) -> list[str]:
    return [box.address for box in server.company.mailboxes if box.kind == "user"]


@pytest.mark.parametrize("authentication", ["basic", "ntlm"])
def test_every_item_is_found_and_named(server: Server, authentication: str) -> None:
    for box in server.company.mailboxes[:3]:
        found = {item.identity: item for item in server.items(box.address, authentication=authentication)}
        stored = list(server.exchange.store.snapshot(box.address))
        assert len(found) == len(stored) > 0
        for item in stored:
            if item.kind == "event":
                parts = event_parts(item.mime)
                wanted = event_key(parts.uid, parts.start)
            elif item.kind == "contact":
                wanted = contact_key(contact_parts(item.mime).name, contact_parts(item.mime).email)
            else:
                wanted = item.message_id
            seen = found[wanted] if wanted else next(one for one in found.values() if one.subject == item.subject)
            assert ("/".join(seen.folder), seen.kind, seen.subject) == (item.folder, item.kind, item.subject)
            assert seen.received == item.received.replace(microsecond=0)
            assert seen.size == len(item.mime)


def test_it_tells_what_time_it_has(server: Server) -> None:
    assert abs(server.block().clock() - now()) < timedelta(seconds=5)


def test_a_message_without_message_id_still_has_an_identity(server: Server) -> None:
    box = server.company.mailboxes[0].address
    item = server.exchange.store.put(box, b"Subject: nameless\r\n\r\nx\r\n", folder="Archive/2008/Q1")
    try:
        [found] = [one for one in server.items(box) if one.subject == "nameless"]
        assert found.message_id is None
        assert found.identity == f"message|nameless|{item.received:%Y-%m-%dT%H:%M}"
    finally:
        del server.exchange.store.mailboxes[box].items[item.id]


def test_content_is_what_is_stored(server: Server) -> None:
    block, address = server.block(), users(server)[1]
    items = [item for item in server.items(address) if item.kind == "message" and item.message_id][:10]
    stored = {item.message_id: item.mime for item in server.exchange.store.snapshot(address)}
    assert items
    for item in items:
        assert block.messages.content(address, item.id) == stored[item.message_id]


def test_content_of_an_event_is_a_message_of_type_calendar(server: Server) -> None:
    block, address = server.block(), users(server)[1]
    event = next(item for item in server.items(address) if item.kind == "event")
    mime = block.messages.content(address, event.id)
    message = email.message_from_bytes(mime, policy=default)
    assert message.get_content_type() == "text/calendar"
    assert f"SUMMARY:{event.subject}" in message.get_content()


def test_inventory_says_everything_of_2007(server: Server) -> None:
    inventory = server.block().inventory()
    assert (inventory.server, inventory.version) == ("SBS2008", "8.3.83.6")
    boxes = {box.address: box for box in inventory.mailboxes}
    assert boxes.keys() == {box.address for box in server.company.mailboxes}
    for box in server.company.mailboxes:
        seen = boxes[box.address]
        assert (seen.kind, seen.display_name, seen.aliases) == (box.kind, box.display_name, box.aliases)
        assert seen.legacy_exchange_dn == box.legacy_exchange_dn
        if box.kind != "public_folder":
            stored = server.exchange.store.snapshot(box.address)
            assert (seen.item_count, seen.size) == (len(stored), sum(len(item.mime) for item in stored))
    assert len(inventory.moving) == len(server.company.mailboxes) - 2


def test_inventory_of_later_versions(later: Server) -> None:
    inventory = later.block().inventory()
    assert inventory.version == later.exchange.state.version
    for box in inventory.moving:
        stored = later.exchange.store.snapshot(box.address)
        assert (box.item_count, box.size) == (len(stored), sum(len(item.mime) for item in stored))


def test_outlook_anywhere_twice_changes_nothing_and_none_puts_it_back(server: Server) -> None:
    block, before = server.block(), server.exchange.picture()
    assert block.outlook_anywhere() is None
    block.set_outlook_anywhere(WANTED)
    enabled = server.exchange.picture()
    assert enabled != before
    block.set_outlook_anywhere(WANTED)
    assert server.exchange.picture() == enabled
    assert block.outlook_anywhere() == WANTED
    block.set_outlook_anywhere(None)
    block.set_outlook_anywhere(None)
    assert block.outlook_anywhere() is None
    assert server.exchange.picture() == before


def test_outlook_anywhere_that_stood_there_comes_back_exactly(server: Server) -> None:
    state = server.exchange.state
    state.set_outlook_anywhere(
        {
            "ExternalHostname": OTHER.external_host,
            "ClientAuthenticationMethod": "Ntlm",
            "IISAuthenticationMethods": ["Basic", "Ntlm"],
            "SSLOffloading": True,
        }
    )
    try:
        before = server.exchange.picture()
        block = server.block()
        assert block.outlook_anywhere() == OTHER
        block.set_outlook_anywhere(WANTED)
        assert block.outlook_anywhere() == WANTED
        block.set_outlook_anywhere(OTHER)
        assert server.exchange.picture() == before
    finally:
        state.set_outlook_anywhere(None)


def test_a_method_that_iis_turns_down_is_refused_and_nothing_changes(server: Server) -> None:
    state = server.exchange.state
    state.set_outlook_anywhere(
        {
            "ExternalHostname": "old.northwind.example",
            "ClientAuthenticationMethod": "Ntlm",
            "IISAuthenticationMethods": ["Ntlm"],
            "SSLOffloading": False,
        }
    )
    try:
        before = server.exchange.picture()
        with pytest.raises(Blocked, match="IISAuthenticationMethods"):
            server.block().set_outlook_anywhere(WANTED)
        assert server.exchange.picture() == before
    finally:
        state.set_outlook_anywhere(None)


def test_a_later_version_that_nobody_had_touched_is_put_back_exactly(later: Server) -> None:
    block, before = later.block(), later.exchange.picture()
    block.set_outlook_anywhere(WANTED)
    block.set_outlook_anywhere(None)
    assert later.exchange.picture() == before


def test_outlook_anywhere_of_later_versions(later: Server) -> None:
    block = later.block()
    assert block.outlook_anywhere() is None
    for wanted in (WANTED, WANTED, OTHER, WANTED, None, None):
        block.set_outlook_anywhere(wanted)
        assert block.outlook_anywhere() == wanted


def test_arrivals_since_a_moment_oldest_first(server: Server) -> None:
    started = now()
    box = users(server)[0]
    entries = [
        Arrival(
            at=started + timedelta(seconds=offset),
            message_id=f"<{offset}@outside>",
            sender="a@contoso.example",
            recipients=(box,),
            client_ip="192.0.2.9",
        )
        for offset in (-60, 1, 2)
    ]
    server.exchange.state.arrivals.extend(entries)
    try:
        assert server.block().arrivals(started) == entries[1:]
    finally:
        server.exchange.state.arrivals.clear()


def test_nothing_amiss_no_findings(server: Server) -> None:
    assert server.block().findings() == []
    assert server.block().migration_account()[0] == server.company.admin


@pytest.mark.parametrize(("times", "amiss"), [(1, False), (float("inf"), True)], ids=["once", "for good"])
def test_a_fault_that_passes_by_itself_is_no_finding(server: Server, times: float, amiss: bool) -> None:
    """A SOAP fault without a code looks like one that will not pass."""
    server.faults.set("ews.fault_200", times=times)
    assert bool(server.block().findings()) is amiss


def test_a_mailbox_that_may_not_be_opened_is_a_blocking_finding(server: Server) -> None:
    server.faults.set("exchange.mailbox_denied")
    [finding] = server.block().findings()
    last = max(box.address for box in server.company.mailboxes if box.kind != "public_folder")
    assert last in finding.subject
    assert finding.blocks
    with pytest.raises(Refused, match="Full Access"):
        server.block().messages.find(last, ANY)


def test_a_wrong_password_is_refused_once_and_never_shown(server: Server) -> None:
    block = server.block(password="very-wrong")
    with pytest.raises(Refused, match="sign-in") as caught:
        block.messages.find(users(server)[0], ANY)
    assert "very-wrong" not in f"{caught.value!r} {block!r} {caught.value.__cause__!r}"
    assert block.findings()[0].blocks
    server.faults.set("exchange.password_changed")
    assert [finding.blocks for finding in server.block().findings()] == [True]


def test_an_unknown_mailbox_is_blocked_and_names_it(server: Server) -> None:
    with pytest.raises(Blocked, match="nobody@northwind"):
        server.block().messages.find("nobody@northwind.example", ANY)


def test_a_busy_server_is_waited_for_and_at_last_reported(server: Server) -> None:
    address = users(server)[0]
    block, ids = server.block(), message_ids(server, address)
    assert len(block.messages.find(address, ids)) == len(ids) > 0
    server.faults.set("exchange.ews_busy", times=2)
    assert len(block.messages.find(address, ids)) == len(ids)
    block._patience = 0.5
    server.faults.set("exchange.ews_busy")
    with pytest.raises(Throttled):
        block.messages.find(address, ids)


def test_a_server_that_is_down_is_transient(server: Server) -> None:
    address = users(server)[0]
    closed = server.exchange.ews_url.replace(str(server.places.https_port), "9")
    server.faults.set("exchange.ews_down")
    for block in (server.block(), server.block(ews_url=closed)):
        block._patience = 0.5
        with pytest.raises(Transient):
            block.messages.find(address, ANY)


def test_an_untrusted_certificate_is_blocked(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    bundle = tmp_path / "environment.pem"
    bundle.write_text(server.authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))  # must not be believed
    with pytest.raises(Blocked, match="extra_ca"):
        server.block(extra_ca=None).messages.find(users(server)[0], ANY)


def test_two_blocks_share_nothing(server: Server) -> None:
    first, second = users(server)[:2]
    own = server.block(username=first, password=server.company.accounts[first])
    assert own.messages.find(first, message_ids(server, first))
    with pytest.raises(Refused):
        own.messages.find(second, message_ids(server, second))
    assert server.block().messages.find(second, message_ids(server, second))


def test_small_pages_and_groups_lose_and_double_nothing(server: Server) -> None:
    block, address = server.block(), users(server)[2]
    ids = message_ids(server, address)
    with EwsClient(
        block.ews_url, block.username, block.password, block.authentication, block.extra_ca, page=3, folders_at_once=4
    ) as ews:
        found = [str(item.message_id) for item in ews.find(address, ids)]
    assert sorted(found) == sorted(ids) and len(set(found)) == len(found)


def test_an_event_among_mail_is_still_an_event(server: Server) -> None:
    address = users(server)[3]
    event = next(item for item in server.exchange.store.snapshot(address) if item.kind == "event")
    moved = server.exchange.store.put(address, event.mime, folder="Inbox/Projekte", kind="event")
    try:
        [found] = [i for i in server.items(address) if i.folder == ("Inbox", "Projekte") and i.kind == "event"]
        assert found.identity == event_key(event_parts(event.mime).uid, None)
    finally:
        del server.exchange.store.mailboxes[address].items[moved.id]


@pytest.mark.filterwarnings("error::pypsrp.negotiate.NoCertificateRetrievedWarning")
def test_the_shell_takes_ntlm_too(server: Server) -> None:
    assert server.block(authentication="ntlm").inventory() == server.block().inventory()


def test_it_is_a_prefect_block_that_hides_its_password(server: Server) -> None:
    block = server.block()
    secret = server.company.accounts[server.company.admin]
    assert block.get_block_type_slug() == "exchange-server"
    assert secret not in repr(block) + str(block) + block.model_dump_json()
    assert block.trusted_ca() == server.authority.pem
    name, password = block.migration_account()
    assert (name, password.get_secret_value()) == (server.company.admin, secret)
    with pytest.raises(ValueError, match="ews_url"):
        server.block(ews_url="ftp://x")
