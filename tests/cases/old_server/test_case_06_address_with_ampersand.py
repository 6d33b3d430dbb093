"""Letters that an address may have (RFC 5322 atext). Source: ews-managed-api 252, easyEWS 8, carddav2fb 222."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_world import DOMAIN, message, world

from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences


@pytest.mark.parametrize("local", ["r&d", "a&amp;b", "'x&y'", "o'brien", "anna+lager", "a#1", "kids/family", "x=y?z"])
def test_a_mailbox_of_any_address_is_read_moved_and_reconciled(local: str, tmp_path: Path) -> None:
    box = f"{local}@{DOMAIN}"
    with world({box: [message("a", "Hallo")]}) as w:
        assert [one.address for one in w.source.inventory().moving] == [box]
        [item] = w.source.messages.find(box, [f"<a@{DOMAIN}>"])
        assert w.source.messages.content(box, item.id)
        [moved] = w.mover(tmp_path).move([box])
        assert (moved.copied, moved.left, w.held(box)) == (1, [], ["Inbox: Hallo"])
        with Spool(tmp_path / "s.sqlite") as spool:
            spool.update(SOURCE, w.source.item_changes(), box)
            spool.update(TARGET, w.target.items.changes(), box)
            assert list(differences(spool)) == []
