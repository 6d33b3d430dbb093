"""Folders whose names have a slash, beside folders of the same words below each other. Source: imapsync 335."""

from __future__ import annotations

from pathlib import Path

from case_world import ANNA, World, message, world

from mailmove.items.copy.checkpoint import Checkpoint, FileJournal, journal_name
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import MEANS, Difference, differences

SLASH = "\u2215"  # the lab's own sign for a slash within a name
ITEMS = [
    message("a", "in the folder with a slash", f"Kunden{SLASH}Lieferanten"),
    message("b", "in the folder below", "Kunden/Lieferanten"),
    message("c", "a file", f"2020{SLASH}21"),
    message("d", "deeper", f"Inbox/2020{SLASH}21/Q1{SLASH}Q2"),
    message("e", "beside it", "Inbox/2020/21/Q1/Q2"),
]
TREE = [
    f"2020{SLASH}21: a file",
    "Inbox/2020/21/Q1/Q2: beside it",
    f"Inbox/2020{SLASH}21/Q1{SLASH}Q2: deeper",
    "Kunden/Lieferanten: in the folder below",
    f"Kunden{SLASH}Lieferanten: in the folder with a slash",
]


def compared(w: World, path: Path) -> list[Difference]:
    with Spool(path) as spool:
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        spool.update(TARGET, w.target.items.changes(), ANNA)
        return list(differences(spool))


def test_the_tree_and_the_names_stay_whole(tmp_path: Path) -> None:
    with world({ANNA: ITEMS}) as w:
        folders = w.source.origin().folders(ANNA)
        assert ("Kunden/Lieferanten",) in {folder.path for folder in folders}
        assert ("Kunden", "Lieferanten") in {folder.path for folder in folders}
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, moved.left, moved.not_copied) == (5, [], [])
        assert w.held() == TREE
        assert compared(w, tmp_path / "s.sqlite") == [], "each is where it was, on both sides"
        [again] = w.mover(tmp_path / "another worker").move([ANNA])
        assert (again.copied, again.already_present, w.held()) == (0, 5, TREE)


def test_a_message_in_the_other_of_the_two_folders_is_moved_not_equal(tmp_path: Path) -> None:
    with world({ANNA: ITEMS[:2]}) as w:
        for item, folder in zip(ITEMS[:2], ("Kunden/Lieferanten", f"Kunden{SLASH}Lieferanten"), strict=True):
            w.cloud.store.put(ANNA, item.mime, folder=folder, received=item.received)
        found = compared(w, tmp_path / "s.sqlite")
        assert {one.item.subject: one.reason for one in found} == {
            "in the folder with a slash": f"{MEANS['moved']}: Kunden > Lieferanten",
            "in the folder below": f"{MEANS['moved']}: Kunden/Lieferanten",
        }


def test_a_checkpoint_of_an_older_version_is_begun_anew(tmp_path: Path) -> None:
    """It knew folders by their joined path, and what it calls done may lie in a wrong folder."""
    path = tmp_path / f"{journal_name(ANNA)}.journal"
    path.write_text("o 0102030405060708090a0b0c\nd 0102030405060708090a0b0c\n")
    with world({ANNA: ITEMS}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, w.held()) == (5, TREE)
    assert Checkpoint(FileJournal(path)).knows("never seen") is False
    assert "v 2\n" in path.read_text()


def test_a_spool_of_an_older_version_is_begun_anew(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "s.sqlite") as old:
        old.execute("CREATE TABLE folder (number, side, id, path, place, standing, state)")
        old.execute("INSERT INTO folder VALUES (1, 1, 'x', 'Kunden/Lieferanten', '', 'live', NULL)")
    old.close()
    with world({ANNA: ITEMS}, copied=True) as w:
        assert compared(w, tmp_path / "s.sqlite") == []
