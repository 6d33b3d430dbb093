"""The lab's EWS before exchangelib as it comes: what a real client asks, it must answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exchangelib
import pytest
from exchange_world import Server, StartServer
from exchangelib import errors
from exchangelib.protocol import CachingProtocol


@pytest.fixture(scope="module")
def modern(start_server: StartServer) -> Server:
    """Exchange 2010 SP3, for what 2007 does not have."""
    return start_server("14.3.123.4", messages=300)


@pytest.fixture(autouse=True)
def trust(module_server: Server, modern: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """exchangelib's sessions take their roots from the environment, as requests does."""
    roots = tmp_path / "roots.pem"
    roots.write_text(module_server.authority.pem + modern.authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(roots))
    yield
    CachingProtocol.clear_cache()
    modern.faults.clear()


def account(
    server: Server, mailbox: str, who: str | None = None, *, auth: str = exchangelib.BASIC, access: str = "delegate"
) -> Any:
    who = who or server.company.admin
    config = exchangelib.Configuration(
        service_endpoint=server.exchange.ews_url,
        credentials=exchangelib.Credentials(who, server.company.accounts[who]),
        auth_type=auth,
        retry_policy=exchangelib.FaultTolerance(max_wait=20),
    )
    return exchangelib.Account(mailbox, config=config, access_type=access, default_timezone=exchangelib.UTC)


def fullest(server: Server) -> Any:
    private = [box for box in server.company.mailboxes if box.kind != "public_folder"]
    return max(private, key=lambda box: len(box.items))


def in_inbox(server: Server, address: str) -> int:
    """How many items the server's store has in the Inbox itself."""
    return sum(item.folder == "Inbox" for item in server.exchange.store.snapshot(address))


@pytest.mark.parametrize(
    ("version", "api"),
    [("8.3.83.6", "Exchange2007_SP1"), ("14.3.123.4", "Exchange2010_SP2"), ("15.0.847.32", "Exchange2013_SP1")],
)
def test_version_is_told(
    start_server: StartServer, version: str, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(version, messages=1, users=1, shared=0, public_folders=0)
    roots = tmp_path / "root.pem"
    roots.write_text(server.authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(roots))
    seen = account(server, server.company.mailboxes[0].address).version
    assert (str(seen.build), seen.api_version) == (version, api)


def test_ntlm_signs_in_and_a_wrong_password_does_not(server: Server) -> None:
    box = fullest(server)
    assert account(server, box.address, auth=exchangelib.NTLM).inbox.name == "Inbox"
    CachingProtocol.clear_cache()
    config = exchangelib.Configuration(
        service_endpoint=server.exchange.ews_url,
        credentials=exchangelib.Credentials(server.company.admin, "wrong"),
        auth_type=exchangelib.NTLM,
    )
    with pytest.raises(errors.UnauthorizedError):
        _ = exchangelib.Account(box.address, config=config, access_type="delegate").inbox


def test_tree_counts_and_paging(server: Server) -> None:
    box = fullest(server)
    mine = account(server, box.address)
    found = []
    for folder in mine.msg_folder_root.walk():
        query = folder.all().only("subject")
        query.page_size = 3
        items = list(query)
        assert folder.total_count == len(items) == folder.all().count()
        found += items
    assert sorted(item.subject or "" for item in found) == sorted(item.subject for item in box.items.values())
    names = {folder.name for folder in mine.msg_folder_root.walk()}
    assert {"Inbox", "Übersicht 2007", "Архив", "Calendar"} <= names
    assert "Unread Mail" not in names


def test_restriction_finds_by_date_and_subject(server: Server) -> None:
    box = fullest(server)
    inbox = [item for item in box.items.values() if item.folder == "Inbox"]
    middle = sorted(item.received for item in inbox)[len(inbox) // 2]
    mine = account(server, box.address)
    newer = mine.inbox.filter(datetime_received__gte=exchangelib.EWSDateTime.from_datetime(middle))
    assert newer.count() == sum(item.received >= middle for item in inbox)
    word = inbox[0].subject[:6]
    both = mine.inbox.filter(subject__icontains=word).count()
    assert both == sum(word.casefold() in item.subject.casefold() for item in inbox)


def test_mime_goes_out_and_comes_in(server: Server) -> None:
    box = fullest(server)
    mine = account(server, box.address)
    item = next(item for item in box.items.values() if item.folder == "Inbox" and item.message_id)
    found = mine.inbox.get(message_id=item.message_id)
    assert found.mime_content == item.mime
    mime = item.mime.replace(item.message_id.encode(), b"<copied@test>")
    copy = exchangelib.Message(account=mine, folder=mine.drafts, mime_content=mime)
    copy.save()
    try:
        assert mine.drafts.get(message_id="<copied@test>").mime_content == mime
    finally:
        copy.delete()
    assert mine.drafts.filter(message_id="<copied@test>").count() == 0


def test_admin_opens_every_mailbox_and_a_user_only_the_own(server: Server) -> None:
    first, second = [box.address for box in server.company.mailboxes if box.kind == "user"][:2]
    assert account(server, first).inbox.total_count == in_inbox(server, first) > 0
    assert account(server, first, who=first).inbox.total_count == in_inbox(server, first)
    with pytest.raises(errors.ErrorAccessDenied):
        _ = account(server, second, who=first).root
    with pytest.raises(errors.ErrorNonExistentMailbox):
        _ = account(server, "nobody@northwind.example").root


def test_impersonation_is_the_admins_alone(server: Server) -> None:
    first, second = [box.address for box in server.company.mailboxes if box.kind == "user"][:2]
    assert account(server, second, access="impersonation").inbox.total_count == in_inbox(server, second) > 0
    with pytest.raises(errors.ErrorImpersonationDenied):
        _ = account(server, second, who=first, access="impersonation").root


def test_busy_server_is_waited_for_as_long_as_it_asks(server: Server) -> None:
    address = fullest(server).address
    mine = account(server, address)
    assert mine.root.name, "it is open before the server is busy"
    server.faults.set("exchange.ews_busy", times=2)
    started = time.monotonic()
    assert mine.inbox.all().count() == in_inbox(server, address) > 0
    assert time.monotonic() - started >= 0.6
    assert not server.faults.take("exchange.ews_busy")


def test_sync_gives_everything_once_then_only_news(server: Server) -> None:
    box = fullest(server)
    inbox = account(server, box.address).inbox
    have = sum(item.folder == "Inbox" for item in server.exchange.store.snapshot(box.address))
    changes = list(inbox.sync_items(only_fields=["subject"], max_changes_returned=4))
    assert [kind for kind, _ in changes] == ["create"] * have
    state = inbox.item_sync_state
    assert list(inbox.sync_items(sync_state=state, only_fields=["subject"])) == []
    new = server.exchange.store.put(box.address, b"Subject: news\r\nMessage-ID: <news@test>\r\n\r\nx\r\n")
    changes = list(inbox.sync_items(sync_state=state, only_fields=["subject"]))
    assert [(kind, item.subject) for kind, item in changes] == [("create", "news")]
    server.exchange.store.find(box.address).items.pop(new.id)  # type: ignore[union-attr]
    assert [kind for kind, _ in inbox.sync_items(sync_state=inbox.item_sync_state, only_fields=["subject"])] == [
        "delete"
    ]


def test_events_and_contacts_have_their_properties(modern: Server) -> None:
    box = fullest(modern)
    mine = account(modern, box.address)
    events = list(mine.calendar.all())
    assert len(events) == 6
    assert all(event.uid.startswith("04000000") and event.start < event.end for event in events)
    assert [event.type for event in events].count("RecurringMaster") == 1
    contacts = list(mine.contacts.all())
    assert {contact.display_name for contact in contacts} == {
        item.subject for item in box.items.values() if item.folder == "Contacts"
    }
    assert all(contact.email_addresses[0].email.endswith("@contoso.example") for contact in contacts)


def test_export_and_upload_of_2010(modern: Server) -> None:
    mine = account(modern, fullest(modern).address)
    item = mine.inbox.all().only("subject")[0]
    [data] = mine.export([item])
    [(new_id, _)] = mine.upload([(mine.drafts, data)])
    assert mine.drafts.get(id=new_id).subject == item.subject


def test_names_and_time_zones(modern: Server) -> None:
    mine = account(modern, fullest(modern).address)
    assert mine.version.build.major_version == 14  # exchangelib needs to know before it resolves names
    protocol = mine.protocol
    box = next(box for box in modern.company.mailboxes if box.kind == "user")
    [found] = protocol.resolve_names([box.address])
    assert (found.name, found.email_address) == (box.display_name, box.address)
    assert isinstance(protocol.resolve_names(["nobody at all"])[0], errors.ErrorNameResolutionNoResults)
    assert "UTC" in {zone.id for zone in protocol.get_timezones()}


def test_2007_has_no_export(server: Server) -> None:
    mine = account(server, fullest(server).address)
    with pytest.raises(errors.ErrorInvalidSchemaVersionForMailboxVersion):
        mine.export([("x", "y")])


def test_thousands_of_items_a_second(server: Server) -> None:
    box = fullest(server)
    for number in range(2000):
        head = f"Subject: bulk {number}\r\nMessage-ID: <bulk{number}@test>\r\n\r\n"
        server.exchange.store.put(box.address, head.encode(), folder="Bulk")
    mine = account(server, box.address)
    folder = mine.msg_folder_root / "Bulk"
    query = folder.all().values_list("message_id", flat=True)
    query.page_size = 1000
    started = time.process_time()
    assert len(set(query)) == 2000
    assert time.process_time() - started < 6
