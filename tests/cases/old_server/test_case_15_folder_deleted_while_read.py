"""A user deletes a folder while it is read; another folder cannot be read. Source: corso 1847, 1849."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_world import ANNA, message, world

from mailmove.errors import FolderUnreadable
from mailmove.items.reconcile.spool import SOURCE, Spool

ITEMS = [message("a", "eins"), message("b", "zwei", "Projekte"), message("c", "drei", "Projekte/Alt")]


def test_the_ledger_of_items_reads_on(tmp_path: Path) -> None:
    with world({ANNA: ITEMS}) as w, Spool(tmp_path / "s.sqlite") as spool:
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        w.faults.set("ews.folder_vanishes", times=1)
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        rows = spool.rows("SELECT folder.path, subject FROM item JOIN folder ON number = item.folder ORDER BY subject")
        assert list(rows) == [
            ('["Deleted Items", "Projekte", "Alt"]', "drei"),
            ('["Inbox"]', "eins"),
            ('["Deleted Items", "Projekte"]', "zwei"),
        ]


def test_the_mover_goes_on(tmp_path: Path) -> None:
    with world({ANNA: ITEMS}) as w:
        w.faults.set("ews.folder_vanishes", times=1)
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.left == [] and "Inbox: eins" in w.held()
        [again] = w.mover(tmp_path).move([ANNA])
        assert again.left == [] and len(w.held()) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("ews.folder_denied", "ErrorAccessDenied"),
        ("ews.folder_corrupt", "ErrorCorruptData"),
        ("ews.folder_internal_error", "ErrorInternalServerError"),
    ],
)
def test_a_folder_that_cannot_be_read_says_which_it_is(fault: str, code: str) -> None:
    with world({ANNA: ITEMS}) as w:
        w.faults.set(fault, times=1)
        of = w.source.item_changes()
        names, unreadable = [], []
        for folder in of.folders(ANNA):
            try:
                names += [item.subject for page in of.changes(ANNA, folder, None) for item in page.items]
            except FolderUnreadable as error:
                unreadable.append(error)
        assert sorted(names) == ["drei", "eins"]
        [named] = unreadable
        assert (named.mailbox, named.folder, named.code) == (ANNA, ["Projekte"], code) and code in named.seen
        origin = w.source.origin()
        [closed] = [folder for folder in origin.folders(ANNA) if folder.path == ("Projekte",)]
        with pytest.raises(FolderUnreadable, match=code):
            list(origin.items(ANNA, closed))
        with pytest.raises(FolderUnreadable):  # not shown is not absent
            w.source.messages.find(ANNA, ["<b@kunde.example>"])
