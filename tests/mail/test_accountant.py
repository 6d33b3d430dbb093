from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lab.mail.accountant import Account, account
from lab.mail.message import SentMessage
from lab.mail_store import Mailbox, MailStore, StoredItem

ANNA, ZOE, PRESS, GHOST = (f"{name}@northwind.example" for name in ("anna", "zoe", "press", "ghost"))
OLD, CLOUD = "127.1.1.21", "127.1.1.31"


def mime(message_id: str, text: str = "hello") -> bytes:
    head = f"Message-ID: {message_id}\r\n" if message_id else ""
    return f"{head}Subject: s {message_id}{text}\r\n\r\n{text}\r\n".encode()


class Night:
    """A night that went well: seeded mail moved, two messages swept, two straight to the cloud, one bounced."""

    def __init__(self) -> None:
        self.old = MailStore(
            [
                Mailbox(ANNA, "Anna", aliases=("anna.office@northwind.example",)),
                Mailbox(ZOE, "Zoë", kind="shared"),
                Mailbox(PRESS, "Press", kind="public_folder"),
                Mailbox(GHOST, "Ghost", hidden=True),
            ]
        )
        self.cloud = MailStore([Mailbox(ANNA, "Anna", aliases=("anna.office@northwind.example",)), Mailbox(ZOE, "Zoë")])
        self.sent: list[SentMessage] = []
        for address in (ANNA, ZOE, PRESS, GHOST):
            for number in range(5):
                self.old.put(address, mime(f"<{number}.{address}>"))
            self.old.put(address, mime("", f"no id, {address}"), folder="Calendar", kind="event")
            self.old.put(address, mime("", f"no id, {address}"), folder="Calendar", kind="event")  # twice in life, too
        self.seeded = {address: self.old.snapshot(address) for address in self.old.mailboxes}
        for address in (ANNA, ZOE):
            for item in self.seeded[address]:
                self.cloud.put(address, item.mime, folder=item.folder, kind=item.kind)
        self.send("<swept.1>", ANNA, OLD, old=True, cloud=True)
        self.send("<swept.2>", "anna.office@northwind.example", OLD, old=True, cloud=True)
        self.send("<new.1>", ZOE, CLOUD, cloud=True)
        self.send("<new.2>", "ANNA.office@northwind.example", CLOUD, cloud=True)
        self.send("<press.1>", PRESS, OLD, old=True)
        self.send("<bounced.1>", PRESS, None)

    def send(
        self,
        message_id: str,
        to: str,
        server: str | None,
        *,
        old: bool = False,
        cloud: bool = False,
        queued: bool = False,
    ) -> None:
        outcome = "queued" if queued else "delivered" if server else "bounced"
        at = datetime.now(UTC)
        self.sent.append(
            SentMessage(len(self.sent) + 1, message_id, 0, "a@x.example", to, "s", at, 1, outcome, server, at, "words")  # type: ignore[arg-type]
        )
        if old:
            self.old.put(to, mime(message_id))
        if cloud:
            self.cloud.put(to, mime(message_id))

    def account(self) -> Account:
        return account(self.sent, self.seeded, self.old, self.cloud)

    def item(self, address: str, message_id: str) -> StoredItem:
        return next(item for item in self.cloud.snapshot(address) if item.message_id == message_id)

    def drop(self, address: str, message_id: str) -> None:
        box = self.cloud.find(address)
        assert box is not None
        del box.items[self.item(address, message_id).id]


@pytest.fixture
def night() -> Night:
    return Night()


def test_a_good_night_adds_up(night: Night) -> None:
    books = night.account()
    assert books.adds_up, books.lines()
    assert books.totals == {
        "moved": 14,
        "arrived new": 2,
        "swept": 2,
        "bounced": 1,
        "stays at the old server": 15,
        "lost": 0,
        "duplicated": 0,
        "still queued": 0,
        "nobody sent it": 0,
        "a probe": 0,
    }
    stays = books.of("stays at the old server")
    assert {entry.mailbox for entry in stays} == {PRESS, GHOST}
    assert {entry.reason for entry in stays} == {"public folder Press", "hidden mailbox Ghost"}
    assert json.loads(json.dumps(books.to_json()))["adds_up"] is True


def test_finds_lost_items_by_name(night: Night) -> None:
    night.drop(ANNA, f"<3.{ANNA}>")
    night.drop(ANNA, "<swept.2>")
    night.drop(ZOE, "<new.1>")
    books = night.account()
    assert not books.adds_up
    assert {(entry.mailbox, entry.identity) for entry in books.of("lost")} == {
        (ANNA, f"<3.{ANNA}>"),
        (ANNA, "<swept.2>"),
        (ZOE, "<new.1>"),
    }
    assert sum(books.totals.values()) == 34, "each item once"
    assert any("<new.1>" in line and "neither mailbox" in line for line in books.lines())
    assert any("<swept.2>" in line and "still only at the old server" in line for line in books.lines())


def test_finds_duplicates_by_name(night: Night) -> None:
    night.cloud.put(ANNA, mime(f"<3.{ANNA}>"), folder="Archive")
    night.cloud.put(ANNA, mime("<swept.1>"))
    books = night.account()
    assert {entry.identity for entry in books.of("duplicated")} == {f"<3.{ANNA}>", "<swept.1>"}
    assert books.totals["lost"] == 0
    assert books.totals["moved"] == 14
    assert not books.adds_up


def test_items_without_id_go_by_content_and_count(night: Night) -> None:
    first, _ = [item for item in night.cloud.snapshot(ZOE) if not item.message_id]
    box = night.cloud.find(ZOE)
    assert box is not None
    del box.items[first.id]
    (lost,) = night.account().of("lost")
    assert lost.mailbox == ZOE
    assert lost.identity.startswith("sha256:")
    night.cloud.put(ZOE, first.mime.replace(b"\r\n", b"\n"), kind="event")
    assert night.account().adds_up, "line ends are no difference"


def test_an_event_is_the_same_with_and_without_headers(night: Night) -> None:
    inside = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    head = b"Subject: x\r\nContent-Type: text/calendar\r\n\r\n"
    night.seeded[ANNA] = [*night.seeded[ANNA], night.old.put(ANNA, head + inside, kind="event")]
    assert len(night.account().of("lost")) == 1
    night.cloud.put(ANNA, inside, kind="event")
    assert night.account().adds_up


def test_mail_in_the_wrong_mailbox_is_lost_there_and_strange_here(night: Night) -> None:
    night.drop(ZOE, "<new.1>")
    night.cloud.put(ANNA, mime("<new.1>"))
    books = night.account()
    assert [entry.mailbox for entry in books.of("lost")] == [ZOE]
    assert [entry.mailbox for entry in books.of("nobody sent it")] == [ANNA]


def test_queued_mail_does_not_add_up(night: Night) -> None:
    night.send("<queued.1>", ZOE, None, queued=True)
    books = night.account()
    assert not books.adds_up
    assert [entry.identity for entry in books.of("still queued")] == ["<queued.1>"]


def test_a_bounce_that_arrived_all_the_same(night: Night) -> None:
    night.sent[2] = replace(night.sent[2], outcome="bounced")
    assert [entry.identity for entry in night.account().of("duplicated")] == ["<new.1>"]


def test_mail_for_a_public_folder_that_vanished(night: Night) -> None:
    box = night.old.find(PRESS)
    assert box is not None
    gone = next(item for item in box.items.values() if item.message_id == "<press.1>")
    del box.items[gone.id]
    assert [entry.identity for entry in night.account().of("lost")] == ["<press.1>"]


def test_a_cloud_mailbox_known_by_another_name_is_read_once(night: Night) -> None:
    box = night.cloud.find(ZOE)
    assert box is not None
    night.cloud.remove_mailbox(ZOE)
    night.cloud.add_mailbox(Mailbox("zoe@northwind.onmicrosoft.example", "Zoë", aliases=(ZOE,), items=box.items))
    assert night.account().adds_up


def test_mail_to_nobody_bounces(night: Night) -> None:
    night.send("<nobody.1>", "nobody@northwind.example", None)
    books = night.account()
    assert books.adds_up
    assert books.totals["bounced"] == 2
