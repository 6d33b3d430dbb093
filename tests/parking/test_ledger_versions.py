"""Entries of other versions of Mailmove: a newer one is refused, an older one is migrated, step by step."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from memory_engine import MemoryEngine
from parked_world import mx_change

from mailmove.errors import Blocked
from tasks.engine.current import running_on
from tasks.ledger.entry import MIGRATIONS, VERSION, Entry, EntryKind, entry_of
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval

Row = dict[str, Any]


def row(version: int = VERSION, **more: Any) -> Row:
    entry = Entry(cutover=uuid4(), kind=EntryKind.RECEIPT, stage="lower_ttl", changes=[mx_change("old", "new")])
    return {**entry.model_dump(mode="json"), "version": version, **more}


def test_an_entry_of_a_newer_version_is_refused() -> None:
    with pytest.raises(Blocked, match=rf"saw one of version {VERSION + 1}\. A newer Mailmove has written"):
        entry_of(row(VERSION + 1))


def test_a_ledger_with_an_entry_of_a_newer_version_is_refused_as_a_whole() -> None:
    with running_on(MemoryEngine()) as engine:
        ledger = Ledger("contoso", engine.root)
        ledger.record(EntryKind.RECEIPT, "lower_ttl")
        engine.store.write_table("ledger-contoso", [row(VERSION + 1)], description="", flow_run=engine.root)
        with pytest.raises(Blocked, match="newer Mailmove"):
            Ledger("contoso", engine.root).entries()


def test_an_older_entry_is_migrated_by_every_version_in_between() -> None:
    order: list[int] = []

    def first(old: Row) -> Row:
        order.append(int(old["version"]))
        return {**{key: value for key, value in old.items() if key != "step"}, "stage": old["step"]}

    def second(old: Row) -> Row:
        order.append(int(old["version"]))
        assert old["stage"] == "lower_ttl", "the first migration has been done"
        return {**old, "kind": EntryKind.EVIDENCE, "facts": ["served"]}

    old = row(1, step="lower_ttl")
    del old["stage"]
    entry = entry_of(old, migrations={1: first, 2: second}, version=3)
    assert (order, entry.version) == ([1, 2], 3)
    assert (entry.stage, entry.kind, entry.facts) == ("lower_ttl", EntryKind.EVIDENCE, ["served"])
    assert entry.changes == [mx_change("old", "new")], "what no migration touches stays"
    assert "step" in old and old["version"] == 1, "the stored row itself stays"


def test_an_entry_of_this_version_is_read_as_it_was_written() -> None:
    approval = Approval(by="anna", reason="it is late", digest="d")
    entry = Entry(cutover=uuid4(), kind=EntryKind.APPROVAL, stage="switch_mail", topic=approval.topic, payload=approval)
    assert entry_of(entry.model_dump(mode="json")) == entry
    assert set(MIGRATIONS) <= set(range(VERSION)), "a migration for each older version, and for none that is to come"
