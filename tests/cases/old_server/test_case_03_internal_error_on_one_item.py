"""One item answers ErrorInternalServerError each time. Source: graph-docs 2913, corso 5356 (a backup without end)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from case_world import ANNA, message, world

from mailmove.errors import ItemUnreadable, MailmoveError, Transient

PASSING = [
    "ErrorInternalServerError",
    "ErrorInternalServerTransientError",
    "ErrorTimeoutExpired",
    "ErrorMailboxStoreUnavailable",
    "ErrorBatchProcessingStopped",
]


@pytest.mark.parametrize("code", PASSING)
def test_after_bounded_tries_it_is_left_and_the_others_move(code: str, tmp_path: Path) -> None:
    items = [message(f"m{n:02}", f"Nachricht {n}", minutes=n) for n in range(29)]
    items.append(replace(message("odd", "Kaputt", minutes=15), sick=code))
    with world({ANNA: items}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.copied == 29
        [(item, why)] = moved.left
        assert item.subject == "Kaputt" and code in why
        with pytest.raises(ItemUnreadable, match=code):
            w.source.messages.content(ANNA, item.id)


def test_what_passes_is_not_left(tmp_path: Path) -> None:
    items = [message(f"m{n:02}", f"Nachricht {n}", minutes=n) for n in range(9)]
    with world({ANNA: items}) as w:
        w.faults.set("ews.item_passing", times=2)
        w.faults.set("ews.mime_broken_once", times=1, after=4)
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, moved.left) == (9, [])


def test_a_server_that_is_down_is_no_items_fault(tmp_path: Path) -> None:
    with world({ANNA: [message("a", "Hallo")]}) as w:
        origin = w.source.origin()
        [folder] = [folder for folder in origin.folders(ANNA) if folder.count]
        items = list(origin.items(ANNA, folder))
        w.faults.set("exchange.ews_down")
        with pytest.raises(MailmoveError) as caught:
            origin.contents(ANNA, items, way="converted")
        assert isinstance(caught.value, Transient)
