"""A disk that is full costs time: what was known stays known, and what is told is what a person must do."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from told_changes import Told, an_item

from mailmove.disk_full import room_in
from mailmove.errors import Transient
from mailmove.items.copy.checkpoint import Checkpoint, FileJournal
from mailmove.items.reconcile import spool as spools
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences

PLACES = ("inbox",)


def verdicts(path: Path, source: Told, target: Told) -> list[str]:
    with room_in(path.parent), Spool(path) as spool:
        spool.update(SOURCE, source, "anna@x")
        spool.update(TARGET, target, "anna@x")
        return [one.verdict for one in differences(spool)]


class NoRoom:
    """sqlite3, on a disk that takes no page more."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, path: Path, **more: Any) -> sqlite3.Connection:
        connection = sqlite3.connect(path, **more)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes it as: as many as there are
        return connection


def test_what_a_user_has_deleted_is_still_known_after_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, source = tmp_path / "spool", Told([an_item("inbox", "1", "<1@x>")], PLACES)
    target = Told([an_item("inbox", "t1", "<1@x>")], PLACES)
    assert verdicts(path, source, target) == []
    target.items = []
    assert verdicts(path, source, target) == ["purged"]
    source.items = [*source.items, *(an_item("inbox", f"n{n}", f"<n{n}@x>") for n in range(2000))]
    with monkeypatch.context() as full:
        full.setattr(spools, "sqlite3", NoRoom())
        for _ in range(2):
            with pytest.raises(Transient, match=r"room in .*disk is full.*Make room"):
                verdicts(path, source, target)
    assert sorted(set(verdicts(path, source, target))) == ["lost", "purged"]


def test_a_file_that_cannot_grow_is_not_taken_for_a_torn_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, source = tmp_path / "spool", Told([an_item("inbox", "1", "<1@x>")], PLACES)
    target = Told([an_item("inbox", "t1", "<1@x>")], PLACES)
    verdicts(path, source, target)
    target.items = []
    assert verdicts(path, source, target) == ["purged"]
    older = sqlite3.connect(path)
    older.execute("DROP INDEX gone_name")
    older.execute("VACUUM")
    older.close()
    with monkeypatch.context() as full:
        full.setattr(spools, "sqlite3", NoRoom())
        with pytest.raises(Transient, match="room in"):
            verdicts(path, source, target)
    assert verdicts(path, source, target) == ["purged"]


def test_other_errors_of_a_disk_are_left_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), room_in(tmp_path):
        (tmp_path / "absent").read_bytes()
    with pytest.raises(sqlite3.OperationalError, match="no such table"), room_in(tmp_path):
        sqlite3.connect(":memory:").execute("SELECT * FROM absent")


def test_a_line_that_the_disk_cut_short_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = os.write

    def short(file: int, text: bytes) -> int:
        return written(file, text[: len(text) // 2])

    path = tmp_path / "anna.journal"
    journal = FileJournal(path)
    first = Checkpoint(journal)
    first.sent(["a"])
    with monkeypatch.context() as full, pytest.raises(OSError) as said:
        full.setattr("mailmove.items.copy.checkpoint.os.write", short)
        first.sent(["b"])
    assert said.value.errno == errno.ENOSPC
    first.sent(["c"])
    journal.close()
    again = Checkpoint(FileJournal(path))
    assert (again.is_doubtful("a"), again.is_doubtful("c")) == (True, True)
