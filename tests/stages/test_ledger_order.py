"""A worker's clock that falls back does not turn the ledger's order round."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import tasks.ledger.artifact_tables

import mailmove.evidence
from lab.nights.shelf import Shelf
from mailmove.changes import Change
from tasks.ledger.ledger import Ledger

STAGE = "paint"


def test_entries_come_in_the_order_in_which_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.ledger.artifact_tables, "get_client", Shelf(tmp_path / "shelf").client)
    ledger = Ledger("contoso", uuid4())
    ledger.record("intent", STAGE, changes=[Change(what="door", before="brown", after="red")])

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(hours=1)

    monkeypatch.setattr(mailmove.evidence, "datetime", Late)
    ledger.record("undone", STAGE)
    assert [entry.kind for entry in ledger.entries()] == ["intent", "undone"]
    assert ledger.receipt(STAGE).changes == [], "what was undone is not undone again"
