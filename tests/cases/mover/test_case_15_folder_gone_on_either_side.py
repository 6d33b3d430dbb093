"""A folder that is in the list and gone when its changes are asked for, on either side: a second look, no person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from case_world import ANNA, message, world

from lab.mail_store import MailStore
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences

ITEMS = [message("a", "eins"), message("b", "zwei", "Projekte"), message("c", "drei", "Projekte/Alt")]


class Vanishing(MailboxChanges):
    """After the first list of folders, something happens in the mailbox."""

    def __init__(self, inner: MailboxChanges, then: Callable[[], None]) -> None:
        self._inner, self._then, self.looks = inner, then, 0

    def folders(self, mailbox: str) -> list[Folder]:
        folders = self._inner.folders(mailbox)
        self.looks += 1
        if self.looks == 1:
            self._then()
        return folders

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        return self._inner.changes(mailbox, folder, state)


def delete(store: MailStore) -> None:
    for item in store.snapshot(ANNA):
        if item.folder.startswith("Projekte"):
            del store.mailboxes[ANNA].items[item.id]


@pytest.mark.parametrize("side", [SOURCE, TARGET])
@pytest.mark.parametrize("known", [False, True], ids=["never read", "read before"])
def test_it_reads_on(side: int, known: bool, tmp_path: Path) -> None:
    with world({ANNA: ITEMS}, copied=True) as w, Spool(tmp_path / "s.sqlite") as spool:
        if known:
            spool.update(SOURCE, w.source.item_changes(), ANNA)
            spool.update(TARGET, w.target.items.changes(), ANNA)
        old, cloud = w.source.item_changes(), w.target.items.changes()
        store = w.old.store if side == SOURCE else w.cloud.store
        changes = Vanishing(old if side == SOURCE else cloud, lambda: delete(store))
        assert spool.update(side, changes, ANNA) == []
        assert spool.update(-side, cloud if side == SOURCE else old, ANNA) == []
        verdicts = {one.item.subject: one.verdict for one in differences(spool)}
        gone = ("kept" if known else "new") if side == SOURCE else ("purged" if known else "lost")
        assert verdicts == {"zwei": gone, "drei": gone}
