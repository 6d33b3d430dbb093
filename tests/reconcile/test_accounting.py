"""Accounting against the lab's two servers, without a Prefect server: what is moved, once, and what never is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from two_servers import TwoServers

from lab.cloud.tenant import CloudDomain
from lab.item_parts import EventParts, event_mime
from mailmove.errors import Blocked, NotYet, Transient
from mailmove.evidence import now
from mailmove.smtp.redeliver import MaybeTaken, redeliver
from tasks.items import copy_missing as stragglers
from tasks.items import item_report as item_book
from tasks.items import reconcile as accounting
from tasks.items import redeliver as redelivering
from tasks.ledger.ledger import Entry


class MemoryLedger:
    """The ledger without its server."""

    written: list[Entry]

    def __init__(self, *_: Any) -> None: ...

    def record(self, kind: Any, stage: str, *, changes: Any = None, facts: Any = None) -> Entry:
        entry = Entry(cutover=ROOT, kind=kind, stage=stage, changes=changes or [], facts=facts or [])
        self.written.append(entry)
        return entry

    def entries(self) -> list[Entry]:
        return list(self.written)


ROOT = uuid4()


class Accounts:
    """`accounts()` accounts once; SMTP sessions are counted."""

    def __init__(self, servers: TwoServers, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.servers, self.sessions, self.tables = servers, 0, dict[str, list[dict[str, Any]]]()
        self.folder = folder
        self.smtp: Callable[..., str] = redeliver
        sweep = SimpleNamespace(tolerated_missing=0, smtp_port=0)
        self.plan: Any = SimpleNamespace(
            customer="northwind", sweep=sweep, source=SimpleNamespace(smtp_host="mail.northwind.example")
        )
        MemoryLedger.written = []
        for module in (accounting, item_book, redelivering, stragglers):
            for name, value in (
                ("source_server", servers.source),
                ("tenant", servers.target),
            ):
                patch.setattr(module, name, lambda _, value=value: value, raising=False)
            patch.setattr(module, "this_cutover", lambda: ROOT, raising=False)
        patch.setattr(accounting, "Ledger", MemoryLedger)
        patch.setattr(item_book, "_spools", lambda _: folder / "spools")
        patch.setattr(item_book, "get_result_store", lambda: SimpleNamespace(result_storage=self))
        patch.setattr(
            item_book, "read_latest", lambda keys: {key: self.tables[key] for key in keys if key in self.tables}
        )
        patch.setattr(item_book, "write_table", lambda key, rows, **_: self.tables.update({key: rows}))
        patch.setattr(redelivering, "_mx", lambda *_: servers.mx)
        patch.setattr(redelivering, "redeliver", self._redeliver)

    basepath = "kept"

    def write_path(self, path: str, content: bytes) -> None:
        where = self.folder / self.basepath / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content)

    def _redeliver(self, *given: Any, **more: Any) -> str:
        self.sessions += 1
        return self.smtp(*given, **more)

    def __call__(self, stage: str = "reconcile_items") -> list[str]:
        return accounting.account_for_items(self.plan, stage)

    def put(self, message_id: str) -> None:
        mime = f"Message-ID: {message_id}\r\nSubject: {message_id[1:-1]}\r\n\r\nA page.\r\n".encode()
        self.servers.old.put(self.servers.address, mime)

    def copies(self, message_id: str) -> int:
        return sum(one.message_id == message_id for one in self.servers.cloud.snapshot(self.servers.address))


@pytest.fixture
def accounts(servers: TwoServers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Accounts]:
    servers.tenant.domains["northwind.example"] = CloudDomain("northwind.example", verified=True, services=["Email"])
    yield Accounts(servers, monkeypatch, tmp_path)


class Killed(BaseException):
    """kill -9, as a test can play it."""


def test_what_was_left_behind_comes_over_once(accounts: Accounts) -> None:
    assert accounts()[0].endswith(" 0 missing")
    accounts.put("<late@x>")
    parts = EventParts("late@northwind.example", "A late meeting", now(), now() + timedelta(hours=1), False)
    accounts.servers.old.put(accounts.servers.address, event_mime(parts), folder="Calendar", kind="event")
    with pytest.raises(NotYet, match="1 copied just now, 1 delivered"):
        accounts()
    for stage in ("reconcile_items", "reconcile_again"):
        assert accounts(stage)[0].endswith(" 0 missing")
    assert (accounts.copies("<late@x>"), accounts.sessions) == (1, 1)
    held = [one.subject for one in accounts.servers.cloud.snapshot(accounts.servers.address)]
    assert held.count("A late meeting") == 1


def test_a_sync_is_asked_for_first_and_a_ledger_of_before_asks_again(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.put("<late@x>")
    user = SimpleNamespace(address=accounts.servers.address, last_synced=None)
    cloud = Mock(clock=now, migration=Mock(users=lambda _: [user]))
    monkeypatch.setattr(accounting, "tenant", lambda _: cloud)
    monkeypatch.setattr(accounting, "source_server", lambda _: Mock(clock=now))
    monkeypatch.setattr(accounting, "batch_name", lambda _: "night")
    # Parked across an upgrade: this note was written without the time, by the version before.
    MemoryLedger(None).record("evidence", "proof: sync asked", facts=[f"{user.address}: 1 missing"])
    for seen in ("just asked for", f"not yet: {user.address}"):
        with pytest.raises(NotYet, match=seen):
            accounts()
    cloud.migration.sync_now.assert_called_once_with("night")
    user.last_synced = now() + timedelta(minutes=1)
    with pytest.raises(NotYet, match="1 delivered"):
        accounts()


def test_the_list_is_kept_as_table_csv_and_page(accounts: Accounts) -> None:
    held = accounts.servers.cloud.snapshot(accounts.servers.address)
    first = next(one for one in held if one.subject.endswith("-0000210"))
    accounts()
    for word in ("deleted", "recoverable", "purged"):
        gone = accounts.servers.cloud.delete(accounts.servers.address, first.id)
        first = gone or first
        assert f"1 {word}; 0 missing" in accounts()[0]
    assert accounts.sessions == 0, "what its user has deleted is not brought back"
    rows = accounts.tables["items-northwind"]
    assert [(row["verdict"], row["subject"]) for row in rows] == [("all in all", ""), ("purged", first.subject)]
    kept = accounts.folder / "kept" / "mailmove-items" / "northwind" / str(ROOT)
    assert first.subject in (kept / "reconcile_items.csv").read_text("utf-8-sig")
    assert first.subject in (kept / "reconcile_items.html").read_text("utf-8")


def test_a_server_that_takes_nothing_now_is_tried_again(accounts: Accounts) -> None:
    accounts.put("<refused@x>")
    accounts.servers.faults.set("cloud.smtp_tempfail", times=1)
    with pytest.raises(Transient, match="451"):
        accounts()
    with pytest.raises(NotYet):
        accounts("reconcile_again")
    assert accounts()[0].endswith(" 0 missing")
    assert (accounts.copies("<refused@x>"), accounts.sessions) == (1, 2)


def test_killed_before_it_was_sent(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> str:
        raise Killed

    accounts.put("<unsent@x>")
    accounts.smtp = die
    with pytest.raises(Killed):
        accounts()
    accounts.smtp = redeliver
    for _ in range(2):
        with pytest.raises(NotYet):
            accounts()
    assert accounts.sessions == 1, "its fate is not known yet"
    monkeypatch.setattr(redelivering, "SETTLE", timedelta(0))
    with pytest.raises(NotYet):
        accounts()
    assert accounts()[0].endswith(" 0 missing")
    assert (accounts.copies("<unsent@x>"), accounts.sessions) == (1, 2)


@pytest.mark.parametrize("end", [Killed, MaybeTaken])
def test_sent_and_never_heard_of(accounts: Accounts, monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    """By a kill after the server took it, or an answer that was lost; and then a filter takes it out."""

    def take_and_die(*given: Any, **more: Any) -> str:
        redeliver(*given, **more)
        raise end("it", wanted="", seen="", todo="") if end is MaybeTaken else end

    accounts.put("<taken@x>")
    accounts.smtp = take_and_die
    with pytest.raises((Killed, NotYet)):
        accounts()
    assert accounts()[0].endswith(" 0 missing")
    box = accounts.servers.cloud.mailboxes[accounts.servers.address]
    [there] = [one for one in box.items.values() if one.message_id == "<taken@x>"]
    accounts_before = accounts.sessions
    del box.items[there.id]
    monkeypatch.setattr(item_book, "_spools", lambda _: accounts.folder / "another worker")  # it never saw it there
    monkeypatch.setattr(redelivering, "SETTLE", timedelta(0))
    with pytest.raises(NotYet):
        accounts()
    monkeypatch.setattr(redelivering, "SHOWS", timedelta(0))
    with pytest.raises(Blocked, match=r"Exchange Online took it .*message trace says delivered.* not in the mailbox"):
        accounts()
    assert accounts.sessions == accounts_before == 1, "the trace has shown it: a second one would be a double"


def test_what_cannot_be_moved_is_named_or_tolerated(accounts: Accounts) -> None:
    accounts.put("<big@x>")
    accounts.put("<fine@x>")

    def too_big(content: bytes, **more: Any) -> str:
        if b"<big@x>" in content:
            raise Blocked("the cloud", wanted="", seen="552 5.3.4 too big", todo="")
        return redeliver(content, **more)

    accounts.smtp = too_big
    with pytest.raises(Blocked, match=r"message 'big@x' in Inbox: Exchange Online refused it: 552"):
        accounts()
    assert accounts.copies("<fine@x>") == 1, "one that is refused keeps no other back"
    accounts.plan.sweep.tolerated_missing = 1
    assert accounts()[-1].startswith("stays behind, as the plan tolerates: user000@northwind.example: message 'big@x'")
