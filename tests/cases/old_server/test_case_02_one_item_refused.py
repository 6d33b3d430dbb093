"""One item of thirty is refused for good. Source: exchangelib 194, 266, 767; ews-managed-api 152; OpenArchiver 487."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from case_world import ANNA, DOMAIN, THEN, message, world

from lab.item_parts import EventParts, event_mime
from lab.mail_store import StoredItem
from mailmove.errors import ItemUnreadable

CODES = [
    "ErrorMimeContentConversionFailed",
    "ErrorItemCorrupt",
    "ErrorVirusDetected",
    "ErrorCorruptData",
    "ErrorContentConversionFailed",
    "ErrorPropertyRequestFailed",
    "ErrorAccessDenied",
    "ErrorNobodyKnowsThis",
]


@pytest.mark.parametrize("code", CODES)
def test_it_is_left_with_the_servers_words_and_the_others_move(code: str, tmp_path: Path) -> None:
    items = [message(f"m{n:02}", f"Nachricht {n}", minutes=n) for n in range(29)]
    items.append(replace(message("odd", "Verschluesselt", minutes=15), sick=code))
    with world({ANNA: items}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.copied == 29 and len(w.held()) == 29
        [(item, why)] = moved.left
        assert item.subject == "Verschluesselt" and code in why and "cannot give this item" in why
        with pytest.raises(ItemUnreadable, match=code):
            w.source.messages.content(ANNA, item.id)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("code", ["ErrorItemCorrupt", "ErrorNobodyKnowsThis"])
def test_a_mailbox_in_which_every_item_is_refused(code: str, alone: bool, tmp_path: Path) -> None:
    items = [replace(message(f"m{n}", f"Nachricht {n}"), sick=code) for n in range(1 if alone else 3)]
    with world({ANNA: items}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.copied == 0 and len(moved.left) == len(items)
        assert all(code in why for _, why in moved.left)


def test_events_that_are_copied_one_by_one(tmp_path: Path) -> None:
    events = []
    for key in ("e1", "odd", "e2"):
        parts = EventParts(f"{key}@{DOMAIN}", f"Termin {key}", THEN, THEN, False)
        sick = "ErrorMimeContentConversionFailed" if key == "odd" else ""
        events.append(StoredItem(key, "Calendar", "event", event_mime(parts), THEN, "", parts.subject, sick=sick))
    with world({ANNA: events}) as w:
        of = w.source.item_changes()
        pages = [page for folder in of.folders(ANNA) for page in of.changes(ANNA, folder, None)]
        wanted = [item for page in pages for item in page.items]
        moved = w.mover(tmp_path).move_items(ANNA, wanted, tried_ago=None)
        assert (moved.copied, [item.subject for item, _ in moved.left]) == (2, ["Termin odd"])


def test_an_item_because_of_which_every_request_fails(tmp_path: Path) -> None:
    items = [message(f"m{n:02}", f"Nachricht {n}", minutes=n) for n in range(9)]
    with world({ANNA: items}) as w:
        w.faults.set("ews.item_poisons", times=1)
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.copied == 8
        [(item, why)] = moved.left
        assert item.subject == "Nachricht 0" and "a recurrence cannot be read" in why
