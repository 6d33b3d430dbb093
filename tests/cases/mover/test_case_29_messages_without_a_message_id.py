"""Messages without a Message-ID, or with an odd one: what the mover made, the comparison knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_world import ANNA, message, world

from lab.mail_store import StoredItem
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences

LONG = f"<{'x' * 900}@kunde.example>"
HEADS = {
    "none": b"",
    "empty": b"Message-ID: \r\n",
    "brackets": b"Message-ID: <>\r\n",
    "long": f"Message-ID: {LONG}\r\n".encode(),
    "folded": b"Message-ID:\r\n <folded.\r\n over.lines@kunde.example>\r\n",
    "beyond ASCII": "Message-ID: <grüße@kunde.example>\r\n".encode(),
    "quote": b"Message-ID: <o'brien@kunde.example>\r\n",
    "no brackets": b"Message-ID: bare@kunde.example\r\n",
}


def odd(name: str, *, date: bool = True) -> StoredItem:
    """As the lab's store files what comes with this header."""
    plain = message(name, f"Odd {name}", message_id="")
    mime = plain.mime.replace(b"MIME-Version", HEADS[name] + b"MIME-Version", 1)
    if not date:
        mime = mime.replace(b"Date: Thu, 04 Mar 2021 05:06:00 +0000\r\n", b"")
    return StoredItem(plain.id, "Inbox", "message", mime, plain.received, "", plain.subject)


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4"])
@pytest.mark.parametrize("date", [True, False], ids=["dated", "without a date"])
@pytest.mark.parametrize("name", HEADS)
def test_what_was_copied_is_not_lost_and_not_copied_twice(name: str, date: bool, version: str, tmp_path: Path) -> None:
    with world({ANNA: []}, version=version) as w:
        item = odd(name, date=date)
        w.old.store.put(ANNA, item.mime, received=item.received)
        w.old.store.put(ANNA, odd("none", date=date).mime.replace(b"Odd none", b"Another"), received=item.received)
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, moved.left) == (2, [])
        with Spool(tmp_path / "s.sqlite") as spool:
            spool.update(SOURCE, w.source.item_changes(), ANNA)
            spool.update(TARGET, w.target.items.changes(), ANNA)
            assert list(differences(spool)) == []
        [again] = w.mover(tmp_path / "another worker").move([ANNA])
        assert (again.copied, again.already_present) == (0, 2)


def test_microsofts_own_copy_of_one_is_known_by_what_it_holds(tmp_path: Path) -> None:
    with world({ANNA: [odd("none"), odd("brackets")]}, copied=True) as w, Spool(tmp_path / "s.sqlite") as spool:
        spool.update(SOURCE, w.source.item_changes(), ANNA)
        spool.update(TARGET, w.target.items.changes(), ANNA)
        assert list(differences(spool)) == []
