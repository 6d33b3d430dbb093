"""An item because of which every page of a list fails, on the old server. Source: graph-docs 2913."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from case_world import ANNA, message, world

from lab.mail_store import UNLISTABLE
from mailmove.items.reconcile.spool import SOURCE, Spool


@pytest.mark.parametrize("bad", [(7,), (0, 4, 29)])
def test_the_others_are_listed_moved_and_this_one_is_named(bad: tuple[int, ...], tmp_path: Path) -> None:
    items = [message(f"m{n:02}", f"Nachricht {n}", minutes=n) for n in range(30)]
    items = [replace(item, sick=UNLISTABLE) if n in bad else item for n, item in enumerate(items)]
    with world({ANNA: items}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.copied == 30 - len(bad) == len(w.held())
        assert len(moved.left) == len(bad)
        assert all("ErrorInternalServerError" in item.subject for item, _ in moved.left)
        assert sorted(item.id.rpartition(":")[2] for item, _ in moved.left) == sorted(str(n) for n in bad)
        with Spool(tmp_path / "s.sqlite") as spool:
            spool.update(SOURCE, w.source.item_changes(), ANNA)
            subjects = [subject for (subject,) in spool.rows("SELECT subject FROM item")]
            assert len(subjects) == 30 and len({s for s in subjects if s.startswith("Nach")}) == 30 - len(bad)
