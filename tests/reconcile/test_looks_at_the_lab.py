"""SyncFolderItems and Graph's delta, against the lab: the same mailbox on both sides, and what its user does then."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from two_servers import EACH, TwoServers

from lab.mail_store import StoredItem
from lab.move_town import addresses, both
from mailmove.errors import MailmoveError
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import Difference, counts, differences


class Counted(MailboxChanges):
    """Passes everything on, and counts messages."""

    def __init__(self, inner: MailboxChanges) -> None:
        self._inner, self.items, self.pages = inner, 0, 0

    def folders(self, mailbox: str) -> list[Folder]:
        return self._inner.folders(mailbox)

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        for page in self._inner.changes(mailbox, folder, state):
            self.pages += 1
            self.items += 0 if page.whole else len(page.items)
            yield page


def looked(path: Path, servers: TwoServers) -> tuple[list[Difference], int, int]:
    """(differences, messages that the source told, and the target)."""
    source, target = Counted(servers.source.item_changes()), Counted(servers.target.items.changes())
    with Spool(path) as spool:
        spool.update(SOURCE, source, servers.address)
        spool.update(TARGET, target, servers.address)
        return list(differences(spool)), source.items, target.items


def in_cloud(servers: TwoServers, number: int) -> StoredItem:
    """The cloud's copy of a message that has no twin."""
    found = [one for one in servers.cloud.snapshot(servers.address) if f"-{number:07d}" in one.subject]
    assert len(found) == 1 and found[0].kind == "message"
    return found[0]


def test_what_its_user_has_done_is_told_from_what_was_lost(servers: TwoServers, tmp_path: Path) -> None:
    found, told_by_source, told_by_target = looked(tmp_path / "spool", servers)
    assert found == []
    assert told_by_target > EACH * 0.9 and told_by_source >= told_by_target
    assert looked(tmp_path / "spool", servers) == ([], 0, 0), "a second look costs only the changes"

    address, cloud, old = servers.address, servers.cloud, servers.old
    cloud.move(address, in_cloud(servers, 210).id, "Архив/2020")
    for number, times in ((220, 1), (230, 2), (240, 3)):
        gone: StoredItem | None = in_cloud(servers, number)
        for _ in range(times):
            assert gone is not None
            gone = cloud.delete(address, gone.id)
    old.put(address, b"Message-ID: <late@x>\r\nSubject: late\r\n\r\nA page.\r\n")
    copied = in_cloud(servers, 260)
    cloud.put(address, copied.mime, folder=copied.folder, received=copied.received)
    cloud.put(address, b"Message-ID: <new@x>\r\nSubject: new\r\n\r\n")
    old.delete(address, next(one.id for one in old.snapshot(address) if one.subject.endswith("-0000270")))
    old.mailboxes[address].items.pop(next(o.id for o in old.snapshot(address) if o.subject.endswith("-0000280")))
    cloud.mailboxes[address].items.pop(
        next(one.id for one in cloud.snapshot(address) if one.subject == "Meeting old-0000-0000350")
    )

    found, told_by_source, told_by_target = looked(tmp_path / "spool", servers)
    assert {one.item.subject.rpartition("-")[2]: one.verdict for one in found} == {
        "0000210": "moved",
        "0000220": "deleted",
        "0000230": "recoverable",
        "0000240": "purged",
        "late": "lost",
        "0000260": "duplicate",
        "new": "new",
        "0000270": "moved",  # to Deleted Items of the old server: the copy lies elsewhere
        "0000280": "kept",
        "0000350": "purged",
    }
    assert len(found) == 10
    assert told_by_target <= 5, "moved, deleted, recoverable, the copy and the new one"
    assert told_by_source == 2, "the late one and the deleted one"
    assert looked(tmp_path / "anew", servers)[0] != found, "what is purged and kept is known from the looks before"


def test_states_that_the_servers_have_forgotten_and_items_that_come_twice(servers: TwoServers, tmp_path: Path) -> None:
    servers.faults.set("graph.delta_replays")
    looked(tmp_path / "spool", servers)
    servers.cloud.put(servers.address, in_cloud(servers, 260).mime)
    for fault in ("exchange.sync_state_lost", "graph.delta_lost"):
        servers.faults.set(fault, times=1)
        found, told_by_source, told_by_target = looked(tmp_path / "spool", servers)
        assert [one.verdict for one in found] == ["duplicate"]
        assert (told_by_source if fault.startswith("exchange") else told_by_target) > EACH * 0.9


def test_a_mailbox_that_is_not_there_and_a_server_that_is_busy(servers: TwoServers, tmp_path: Path) -> None:
    with Spool(tmp_path / "nobody") as spool:
        for side, changes in ((SOURCE, servers.source.item_changes()), (TARGET, servers.target.items.changes())):
            with pytest.raises(MailmoveError):
                spool.update(side, changes, "nobody@northwind.example")
    servers.faults.set("exchange.ews_busy", times=2)
    servers.faults.set("graph.throttled", times=2)
    assert looked(tmp_path / "spool", servers)[0] == []


def test_killed_again_and_again_it_comes_to_the_same_end(tmp_path: Path) -> None:
    """kill -9, each time when a few more folders are done."""
    path, address = tmp_path / "spool", addresses(1)[0]
    with both("8.3.83.6", 1, 800) as (old, cloud):
        arguments = json.dumps([str(path), address, old.fields, cloud.fields])
        command = [sys.executable, str(Path(__file__).with_name("many_lives.py")), arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
            assert nursery.stdin is not None and nursery.stdout is not None
            kills = 0
            for wanted in (1, 3, 5, 99):
                print("go", file=nursery.stdin, flush=True)
                life = int(nursery.stdout.readline())
                deadline = time.monotonic() + 60
                while wanted < 99 and _folders_done(path) < wanted and time.monotonic() < deadline:
                    time.sleep(0.002)
                if wanted < 99:
                    with suppress(ProcessLookupError):  # it was quicker
                        os.kill(life, signal.SIGKILL)
                status = int(nursery.stdout.readline())
                kills += os.WIFSIGNALED(status)
            nursery.stdin.close()
        assert kills >= 1 and status == 0
    with Spool(path) as spool:
        assert counts(spool) == (800, 0)
        assert {one.verdict for one in differences(spool)} == {"lost"}
        assert sum(1 for _ in differences(spool)) == 800


def _folders_done(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM folder WHERE state IS NOT NULL").fetchone()[0])
    except sqlite3.Error:
        return 0
