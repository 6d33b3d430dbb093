"""The engine of a randomised night: the shelf stands where Prefect's server stands, and each flow is a plain function.

A finished task or sub-flow comes back with its result in the next life; a parked sub-flow ends the process with its
question written down.
"""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar
from uuid import UUID, uuid4, uuid5

from lab.nights.dying import Reaper
from lab.nights.run_states import DELETED, claimant, claimed, set_state, state_of
from lab.nights.shelf import Shelf
from mailmove.errors import ByHand, RolledBack, Transient
from tasks.engine.port import Engine, Parking, Rows, RunRecord, Store, Vault
from tasks.runbook import step_named

Form = TypeVar("Form")


class Asleep(BaseException):
    """The process ends here, parked."""


class Fenced(BaseException):
    """The process ends here without a word: its run is another one's by now."""


class ShelfStore(Store):
    """Tables on the shelf. Each write is a place where the process can die."""

    def __init__(self, shelf: Shelf, reaper: Reaper, writer: UUID) -> None:
        self._shelf, self._reaper, self._writer = shelf, reaper, str(writer)

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        label = f"ledger {description}" if key.startswith("ledger-") else "page"
        data, run, by = json.dumps(rows), str(flow_run), self._writer
        self._reaper.around(label, lambda: self._shelf.put("table", key, data=data, run=run, by=by))

    def write_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self._reaper.around("page", lambda: self._shelf.put("page", key, text=text))

    def rewrite_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self.write_table(key, rows, description=description, flow_run=flow_run)

    def rewrite_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self.write_markdown(key, text, description=description, flow_run=flow_run)

    def read_versions(self, key: str) -> list[Rows]:
        return [json.loads(line["data"]) for line in reversed(self._shelf.lines("table", key))]

    def read_latest(self, keys: list[str]) -> dict[str, Rows]:
        tables = {key: self._shelf.lines("table", key) for key in keys}
        return {key: json.loads(lines[-1]["data"]) for key, lines in tables.items() if lines}

    def read_of_run(self, flow_run: UUID, keys: list[str]) -> dict[str, Rows]:
        tables = {
            key: [line for line in self._shelf.lines("table", key) if line["run"] == str(flow_run)] for key in keys
        }
        return {key: json.loads(lines[-1]["data"]) for key, lines in tables.items() if lines}


class ShelfVault(Vault):
    """Secrets on the shelf; it is a lab."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def read(self, name: str) -> Any | None:
        lines = self._shelf.lines("secret", name)
        return json.loads(lines[-1]["value"]) if lines else None

    def write(self, name: str, json_text: str) -> None:
        self._shelf.put("secret", name, value=json_text)


class ShelfParking(Parking):
    """Questions and answers on the shelf."""

    def __init__(self, engine: ShelfEngine) -> None:
        self._engine = engine

    def park(self, form: type[Any], question: str) -> NoReturn:
        engine = self._engine
        engine.shelf.put("question", engine.key, text=question, number=self.times_parked() + 1, root=str(engine.root))
        raise Asleep

    def last_answer(self, form: type[Form]) -> Form | None:
        asked = self.times_parked()
        answers = self._engine.shelf.lines("answer", self._engine.key)
        answers = [line for line in answers if line["number"] == asked]
        return form(**answers[-1]["values"]) if asked and answers else None

    def times_parked(self) -> int:
        return len(self._engine.shelf.lines("question", self._engine.key))


class ShelfEngine(Engine):
    """One life. `run` names the flow run that it is in; steps of the runbook are announced to the town.

    state: id of the state that this process was given. scope: before every key, so that a second cutover has its own.
    """

    def __init__(
        self, shelf: Shelf, reaper: Reaper, root: UUID, blocks: Mapping[str, Any], state: str, scope: str = ""
    ) -> None:
        self.shelf, self.reaper, self.root, self.run, self.state, self.scope = shelf, reaper, root, "root", state, scope
        self.store, self.vault, self.parking = ShelfStore(shelf, reaper, root), ShelfVault(shelf), ShelfParking(self)
        self._blocks = blocks
        self._calls: dict[str, int] = {}
        self._claimed = ""

    def root_run(self) -> UUID:
        return self.root

    def own_run(self) -> UUID:
        return uuid5(self.root, self.run)

    @property
    def key(self) -> str:
        """Of the flow run that it is in, on the shelf."""
        return f"{self.scope}{self.run}"

    def fence(self) -> None:
        """By the run's state, as Prefect's server tells it."""
        if state_of(self.shelf, str(self.root))[0] != self.state:
            raise Fenced
        if self._claimed and claimant(self.shelf, self._claimed) != str(self.root):
            self.end_run(self.root, "")
            raise Fenced
        fence = str(uuid4())
        self.shelf.put("fence", fence)
        self.reaper.fenced(fence)

    def claim(self, customer: str, *, instead_of: UUID | None = None) -> None:
        if not claimed(self.shelf, customer, str(self.root), str(instead_of)):
            set_state(self.shelf, str(self.root), "Refused")
            raise Fenced
        self._claimed = customer

    def claimed_by(self, customer: str) -> UUID | None:
        run = claimant(self.shelf, customer)
        return UUID(run) if run else None

    def leave_rolled_back(self, error: RolledBack) -> NoReturn:
        if state_of(self.shelf, str(self.root))[1] not in ("Cancelled", DELETED):
            set_state(self.shelf, str(self.root), "Cancelled")
        raise Fenced from error

    def run_task(self, task: Any, *args: Any, attempt: int = 0, fresh: bool = False) -> Any:
        """Remembered by (run, task), tried again when it may pass, without Prefect's engine."""
        bound = inspect.signature(task.fn).bind(*args).arguments
        key = f"{self.key}/{task.name}/{bound.get('stage', attempt)}"
        kept = None if fresh else self.shelf.kept(key)
        if kept:
            return kept[0]
        step = task.name.partition(".")[0]
        if step_named(step) is not None and self.run in ("root", "back"):
            self.enter(step)
        for left in range(task.retries, -1, -1):
            try:
                result = task.fn(*args)
            except Transient as error:
                if isinstance(error, ByHand) or not left:
                    raise
                time.sleep(min(0.8, 0.1 * 2 ** (task.retries - left)))
            else:
                self.shelf.keep(key, result)
                return result
        raise AssertionError("unreachable")

    def run_sub_flow(self, sub_flow: Any, name: str, *args: Any, tags: Sequence[str] = ()) -> None:
        """Prefect tells sub-flow runs apart by name and by how often that was called before; so does this."""
        key = f"{sub_flow.name}[{name}]"
        number = self._calls[key] = self._calls.get(key, 0) + 1
        key = f"{key}#{number}"
        if self.shelf.kept(self.scope + key):
            return
        if sub_flow.name in ("wait", "gate", "preflight"):
            self.enter(name or sub_flow.name)
        outer, self.run = self.run, key
        while True:
            try:
                result = sub_flow.fn(*args)
                break
            except Asleep:
                if sub_flow.name != "wait" or not self._woken():
                    raise
        self.run = outer
        self.shelf.keep(self.scope + key, result)

    def load_block(self, reference: str) -> Any:
        if reference not in self._blocks:
            raise ValueError(reference)
        return self._blocks[reference]

    @contextmanager
    def slots(self, names: list[str]) -> Iterator[None]:
        yield

    def read_run(self, root: UUID) -> RunRecord | None:
        """As if Prefect had forgotten the run."""
        return None

    def end_run(self, run: UUID, reason: str) -> None:
        if state_of(self.shelf, str(run))[1] not in ("Completed", "Failed", "Cancelled", "Refused", DELETED):
            set_state(self.shelf, str(run), "Cancelled")

    def enter(self, step: str) -> None:
        """Say so to the town, and wait until it has done to us what it wants."""
        if step != self.reaper.step:
            os.write(1, f"step {step}\n".encode())
            assert line() == "go"
            self.reaper.enter(step)

    def _woken(self) -> bool:
        """A parked wait that is woken again: mostly in this process, which is cheap; else in the next life."""
        os.write(1, b"asleep\n")
        return line() == "again"


def line() -> str:
    """One line of standard input, not a byte more: the next one may be another process's."""
    read = b""
    while not read.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(1)  # nobody is there any more
        read += byte
    return read.decode().strip()
