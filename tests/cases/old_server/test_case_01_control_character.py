"""Characters that XML 1.0 forbids, which Exchange writes as references. Source: ews-java-api 233, exchangelib 1200."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from case_world import ANNA, DOMAIN, THEN, message, world

from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import StoredItem
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences

ODD = "ANGEBOT CASEBR\x1aS"


@pytest.mark.parametrize("character", ["\x1a", "\x00", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_a_subject_is_read_on_and_its_item_moves(character: str, tmp_path: Path) -> None:
    items = [message(f"m{n}", f"Nachricht {n}", minutes=n) for n in range(20)]
    items.append(message("odd", f"ANGEBOT{character}S", minutes=30))
    with world({ANNA: items}) as w:
        [seen] = w.source.messages.find(ANNA, [f"<odd@{DOMAIN}>"])
        assert seen.subject == "ANGEBOT\ufffdS"
        assert w.source.messages.content(ANNA, seen.id) == items[-1].mime
        with Spool(tmp_path / "s.sqlite") as spool:
            spool.update(SOURCE, w.source.item_changes(), ANNA)
            [moved] = w.mover(tmp_path).move([ANNA])
            assert (moved.copied, moved.left) == (21, [])
            spool.update(TARGET, w.target.items.changes(), ANNA)
            assert list(differences(spool)) == []
        assert items[-1].mime in [item.mime for item in w.cloud.store.snapshot(ANNA)]


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4", "15.0.847.32"])
def test_names_of_folders_people_and_events(version: str, tmp_path: Path) -> None:
    event = EventParts(f"e@{DOMAIN}", "Termin\x07", THEN, THEN, False)
    items = [
        message("f", "in einem Ordner", "Kunden\x1a/Alt"),
        StoredItem(
            "c", "Contacts", "contact", contact_mime(ContactParts("Ann\x02a", f"x@{DOMAIN}")), THEN, "", "Ann\x02a"
        ),
        StoredItem("e", "Calendar", "event", event_mime(event), THEN, "", event.subject),
    ]
    with world({ANNA: items}, version=version) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, moved.left) == (3, [])
        assert sorted(item.folder for item in w.cloud.store.snapshot(ANNA)) == [
            "Calendar",
            "Contacts",
            "Kunden\ufffd/Alt",
        ]
        of = w.source.item_changes()
        assert ("Kunden\ufffd", "Alt") in [folder.path for folder in of.folders(ANNA)]


def test_a_fault_of_the_lab_for_random_cutovers(tmp_path: Path) -> None:
    items = [replace(message(f"m{n:02}", f"Nachricht {n}", minutes=n)) for n in range(40)]
    with world({ANNA: items}) as w:
        w.faults.set("ews.control_characters")
        of = w.source.item_changes()
        pages = [page for folder in of.folders(ANNA) for page in of.changes(ANNA, folder, None)]
        odd = [item for page in pages for item in page.items if "\ufffd" in item.subject]
        assert 0 < len(odd) < 40
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, moved.left) == (40, [])


def test_without_a_message_id_it_is_the_same_on_both_sides(tmp_path: Path) -> None:
    items = [message("odd", "Angebot\x1aneu\x07!", message_id="")]
    with world({ANNA: items}, copied=True) as w, Spool(tmp_path / "s.sqlite") as spool:
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        spool.update(TARGET, w.target.items.changes(), ANNA)
        assert list(differences(spool)) == []
