"""The engine that runs, with a tap: who reads and writes, a process that is killed, a process that is fenced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tasks.engine.current import engine, running_on
from tasks.engine.port import Engine, Rows, Store

Row = dict[str, Any]


class Killed(BaseException):
    """kill -9, as a test can play it: nothing catches it."""


class Fenced(BaseException):
    """What ends a process that does not own its run any more, as Prefect's Abort does."""


@dataclass(eq=False)
class TappedStore(Store):
    """Passes everything on. reads, writes: keys, in order. before, after: called with each row of a ledger."""

    inner: Store
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    before: Callable[[Row], None] = lambda row: None
    after: Callable[[Row], None] = lambda row: None

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self.writes.append(key)
        of_ledger = rows if key.startswith("ledger-") else []
        for row in of_ledger:
            self.before(row)
        self.inner.write_table(key, rows, description=description, flow_run=flow_run)
        for row in of_ledger:
            self.after(row)

    def rewrite_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self.writes.append(key)
        self.inner.rewrite_table(key, rows, description=description, flow_run=flow_run)

    def rewrite_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self.writes.append(key)
        self.inner.rewrite_markdown(key, text, description=description, flow_run=flow_run)

    def write_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self.writes.append(key)
        self.inner.write_markdown(key, text, description=description, flow_run=flow_run)

    def read_versions(self, key: str) -> list[Rows]:
        self.reads.append(key)
        return self.inner.read_versions(key)

    def read_latest(self, keys: list[str]) -> dict[str, Rows]:
        self.reads += keys
        return self.inner.read_latest(keys)

    def read_of_run(self, flow_run: UUID, keys: list[str]) -> dict[str, Rows]:
        self.reads += keys
        return self.inner.read_of_run(flow_run, keys)

    def reads_of_ledgers(self) -> int:
        return sum(key.startswith("ledger-") for key in self.reads)


@contextmanager
def _tapped(fence: Callable[[], None] | None = None, **taps: Any) -> Iterator[TappedStore]:
    """Within, a copy of the engine that runs, with other parts."""
    other: Engine = copy(engine())
    store = other.store = TappedStore(other.store, **taps)
    if fence is not None:
        other.fence = fence  # type: ignore[method-assign]
    with running_on(other):
        yield store


@contextmanager
def store_tapped() -> Iterator[TappedStore]:
    """Count what is read and written."""
    with _tapped() as store:
        yield store


@contextmanager
def fenced() -> Iterator[None]:
    """Within, this process does not own its run: whoever asks before an act is ended."""

    def refuse() -> None:
        raise Fenced

    with _tapped(refuse):
        yield


@contextmanager
def killed_at_fence(after: int = 0) -> Iterator[None]:
    """Within, the process dies right before an act: the intent is written. after: acts that are spared."""
    real, spared = engine().fence, iter(range(after))

    def die() -> None:
        if next(spared, None) is None:
            raise Killed
        real()

    with _tapped(die):
        yield


@contextmanager
def killed_after_writing(kind: str, topic: str) -> Iterator[None]:
    """Within, the process dies when such an entry is written."""

    def die(row: Row) -> None:
        if (row["kind"], row["topic"]) == (kind, topic):
            raise Killed

    with _tapped(after=die):
        yield


@contextmanager
def killed_before_writing(kind: str, topic: str, after: int = 0) -> Iterator[None]:
    """Within, the process dies before such an entry is written: what came before is done. after: entries spared."""
    spared = iter(range(after))

    def die(row: Row) -> None:
        if (row["kind"], row["topic"]) == (kind, topic) and next(spared, None) is None:
            raise Killed

    with _tapped(before=die):
        yield
