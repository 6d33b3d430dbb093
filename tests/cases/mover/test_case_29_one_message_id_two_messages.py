"""Different messages of one Message-ID: quota warnings, scanners, fax gateways. Source: imapsync 24 245 351."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from case_world import ANNA, World, message, world

from lab.mail_store import StoredItem
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences

MID = "<quota@scanner.kunde.example>"
THREE = [
    message("a", "Kontingent 80 %", message_id=MID, body="80% full\r\n"),
    message("b", "Kontingent 95 %", message_id=MID, body="95% full\r\n", minutes=600),
    message("c", "Kontingent 99 %", message_id=MID, body="99% full\r\n", minutes=900),
]


def dated(item: StoredItem, day: int) -> StoredItem:
    mime = item.mime.replace(b"Thu, 04 Mar 2021", b"%02d Mar 2021" % day)
    mime = mime.replace(item.subject.encode(), b"Quota")
    return StoredItem(item.id, item.folder, item.kind, mime, item.received, item.message_id, "Quota")


ALIKE = [dated(item, day) for item, day in zip(THREE, (4, 5, 6), strict=True)]
"""One subject, three dates."""


def missing(w: World, path: Path) -> list[str]:
    with Spool(path) as spool:
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        spool.update(TARGET, w.target.items.changes(), ANNA)
        return sorted(one.item.id for one in differences(spool) if one.lost)


def fill(w: World, held: tuple[StoredItem, ...] | list[StoredItem]) -> None:
    for item in held:
        w.cloud.store.put(ANNA, item.mime, folder=item.folder, received=item.received)


@pytest.mark.parametrize("items", [THREE[:2], THREE, ALIKE], ids=["two", "three", "three of one subject"])
def test_the_missing_one_is_named_and_delivered(items: list[StoredItem], tmp_path: Path) -> None:
    for number in range(len(items)):
        for held in combinations(items, number):
            with world({ANNA: items}) as w:
                fill(w, held)
                lost = missing(w, tmp_path / f"{number}.{'-'.join(item.id for item in held)}")
                content = {
                    found.subject + str(found.sent): w.source.messages.content(ANNA, found.id)
                    for found in w.source.messages.find(ANNA, [MID])
                }
                assert len(lost) == len(content) - number
                # Redelivery gives each content of what is missing, dated anew.
                for found in w.source.messages.find(ANNA, [MID]):
                    if found.id in lost:
                        w.cloud.store.put(ANNA, w.source.messages.content(ANNA, found.id))
                assert missing(w, tmp_path / f"{number}.after.{'-'.join(item.id for item in held)}") == []
                assert sorted(item.mime for item in w.cloud.store.snapshot(ANNA)) == sorted(item.mime for item in items)


@pytest.mark.parametrize("twice", [0, 1])
def test_one_that_is_there_twice_does_not_stand_for_the_other(twice: int, tmp_path: Path) -> None:
    with world({ANNA: THREE[:2]}) as w:
        fill(w, [THREE[twice], THREE[twice]])
        with Spool(tmp_path / "s") as spool:
            spool.update(SOURCE, w.source.item_changes(), ANNA)
            spool.update(TARGET, w.target.items.changes(), ANNA)
            found = {(one.verdict, one.item.subject) for one in differences(spool)}
        assert found == {("lost", THREE[1 - twice].subject), ("duplicate", THREE[twice].subject)}


@pytest.mark.parametrize("there", [0, 1, 2])
def test_our_own_copy_brings_the_one_that_is_missing(there: int, tmp_path: Path) -> None:
    with world({ANNA: THREE}) as w:
        fill(w, [THREE[there]])
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, moved.already_present, moved.left) == (2, 1, [])
        assert w.held() == sorted(f"Inbox: {item.subject}" for item in THREE)
        assert missing(w, tmp_path / "s") == []
