"""Who writes to a ledger: one writer for each process and cutover, whose entries are numbered as they are stored."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from tasks.engine.port import Store
from tasks.ledger.chain import Key, Link, Row
from tasks.ledger.ledger_key import key_to_seal, note_written


@dataclass
class _Writer:
    """number: of its last entry. previous: the seal that its next entry names."""

    name: str = field(default_factory=lambda: secrets.token_hex(6))
    number: int = 0
    previous: str = ""

    def link(self, key: Key) -> Link:
        return Link(writer=self.name, number=self.number + 1, previous=self.previous, key=key.name)


_writers: WeakKeyDictionary[Store, dict[tuple[str, str], _Writer]] = WeakKeyDictionary()
_turns = threading.RLock()
"""Threads of a process write one after the other: the order of the numbers is the order at the server."""


@contextmanager
def chained(store: Store, customer: str, row: Row, last_read: Callable[[], str]) -> Iterator[Row]:
    """Within, the row that is given is stored; it has its link. last_read: seal of the last entry that was read.

    When storing it fails, nobody knows whether the server has it: what comes then is another writer's.
    """
    with _turns:
        writers = _writers.setdefault(store, {})
        of = (customer, row["cutover"])
        writer = writers.pop(of, None) or _Writer(previous=last_read())
        key = key_to_seal()
        sealed = {**row, "link": writer.link(key).model_dump()}
        sealed["link"]["seal"] = key.seal(customer, sealed)
        yield sealed
        writer.number, writer.previous = writer.number + 1, sealed["link"]["seal"]
        writers[of] = writer
        note_written(customer, sealed)
