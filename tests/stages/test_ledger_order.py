"""A worker's clock that falls back does not turn the ledger's order round."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from memory_engine import MemoryEngine

from mailmove.changes import Change, ChangeKind, NamedSubject
from mailmove.clock import Clock, clock_set
from tasks.engine.current import running_on
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger

STAGE = "paint"


def test_entries_come_in_the_order_in_which_they_were_written() -> None:
    root = uuid4()
    door = Change(kind=ChangeKind.PARTNER_ACCESS, subject=NamedSubject(name="door"), before="brown", after="red")
    with running_on(MemoryEngine()):
        Ledger("contoso", root).record(EntryKind.INTENT, STAGE, changes=[door])
        with clock_set(Clock(ahead=-timedelta(hours=1))):
            Ledger("contoso", root).record(EntryKind.ROLLED_BACK, STAGE)
        ledger = Ledger("contoso", root)
        first, second = ledger.entries()
        assert (first.kind, second.kind) == (EntryKind.INTENT, EntryKind.ROLLED_BACK) and second.at < first.at
        assert ledger.receipt(STAGE).changes == [], "what was rolled back is not rolled back again"
