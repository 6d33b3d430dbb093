"""An engine in memory, for tests: tables, secrets, questions and answers in dictionaries; no server, no process.

`with running_on(MemoryEngine(blocks={...})) as engine:` and then whatever stages, waits and flows do.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, NoReturn, TypeVar
from uuid import UUID, uuid4, uuid5

from tasks.engine.current import running_on
from tasks.engine.port import Engine, Parking, Rows, RunRecord, Store, Vault

Form = TypeVar("Form")


class Parked(Exception):
    """A sub-flow has parked: its question."""


class MemoryStore(Store):
    """Every version of every table, oldest first. `reads` counts the questions by key."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[str, UUID]]] = defaultdict(list)
        self.pages: dict[str, list[str]] = defaultdict(list)
        self.reads: dict[str, int] = defaultdict(int)

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self.tables[key].append((json.dumps(rows), flow_run))

    def write_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self.pages[key].append(text)

    def rewrite_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self.tables[key][-1:] = [(json.dumps(rows), flow_run)]

    def rewrite_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self.pages[key][-1:] = [text]

    def read_versions(self, key: str) -> list[Rows]:
        self.reads[key] += 1
        return [json.loads(data) for data, _ in reversed(self.tables.get(key, []))]

    def read_latest(self, keys: list[str]) -> dict[str, Rows]:
        for key in keys:
            self.reads[key] += 1
        return {key: json.loads(self.tables[key][-1][0]) for key in keys if self.tables.get(key)}

    def read_of_run(self, flow_run: UUID, keys: list[str]) -> dict[str, Rows]:
        written = {key: [data for data, run in self.tables.get(key, []) if run == flow_run] for key in keys}
        return {key: json.loads(versions[-1]) for key, versions in written.items() if versions}


class MemoryVault(Vault):
    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def read(self, name: str) -> Any | None:
        return json.loads(self.secrets[name]) if name in self.secrets else None

    def write(self, name: str, json_text: str) -> None:
        self.secrets[name] = json_text


class MemoryParking(Parking):
    """`answers`: what the next resumed sub-flow of that run finds, by the number of its question."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self.questions: dict[str, list[str]] = defaultdict(list)
        self.answers: dict[tuple[str, int], dict[str, Any]] = {}

    def park(self, form: type[Any], question: str) -> NoReturn:
        self.questions[self._engine.run].append(question)
        raise Parked(question)

    def last_answer(self, form: type[Form]) -> Form | None:
        values = self.answers.get((self._engine.run, self.times_parked()))
        return form(**values) if values is not None else None

    def times_parked(self) -> int:
        return len(self.questions[self._engine.run])


class MemoryEngine(Engine):
    """One run. blocks: `type/name` -> a fake of the port. A fenced engine lets nobody act any more."""

    def __init__(self, blocks: Mapping[str, Any] | None = None, root: UUID | None = None) -> None:
        self.store, self.vault, self.parking = MemoryStore(), MemoryVault(), MemoryParking(self)
        self.blocks, self.root, self.run = dict(blocks or {}), root or uuid4(), "root"
        self.fenced = False
        self.acts = 0
        """How often a process asked whether it may act."""
        self.ended: list[UUID] = []
        self._results: dict[str, Any] = {}
        self._flows_ended: set[str] = set()

    @contextmanager
    def in_another_run(self) -> Iterator[None]:
        """Within, another root run is under way on what this one has stored: a rollback, or a second cutover."""
        other = copy(self)
        other.root = uuid4()
        with running_on(other):
            yield

    def root_run(self) -> UUID:
        return self.root

    def own_run(self) -> UUID:
        return uuid5(self.root, self.run)

    def fence(self) -> None:
        self.acts += 1
        if self.fenced:
            raise InterruptedError("this process does not own its run any more")

    def claim(self, customer: str, *, instead_of: UUID | None = None) -> None:
        """There is no other run."""

    def claimed_by(self, customer: str) -> UUID | None:
        return None

    def run_task(self, task: Any, *args: Any, attempt: int = 0, fresh: bool = False) -> Any:
        key = f"{self.run}/{task.name}/{args[1:2]}/{attempt}"
        if fresh or key not in self._results:
            self._results[key] = task.fn(*args)
        return self._results[key]

    def run_sub_flow(self, sub_flow: Any, name: str, *args: Any, tags: Sequence[str] = ()) -> None:
        key = f"{sub_flow.name}[{name}]"
        if key in self._flows_ended:
            return
        outer, self.run = self.run, key
        try:
            sub_flow.fn(*args)
        finally:
            self.run = outer
        self._flows_ended.add(key)

    def load_block(self, reference: str) -> Any:
        if reference not in self.blocks:
            raise ValueError(reference)
        return self.blocks[reference]

    @contextmanager
    def slots(self, names: list[str]) -> Iterator[None]:
        yield

    def read_run(self, root: UUID) -> RunRecord | None:
        return None

    def end_run(self, run: UUID, reason: str) -> None:
        self.ended.append(run)
