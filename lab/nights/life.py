"""One life of the process that walks a cutover, and the nursery that forks lives from a process with all imports done.

The flow's own code runs (`flows/cutover.py`, the gates, the waits, `flows/rollback.py`), with every stage's own task
functions. Prefect's part is played by the shelf: a finished task or sub-flow comes back with its result in the next
life, a parked sub-flow ends the process with its question written down. Real nights on a real server and worker are in
`tests/night`; this one takes seconds.

The nursery (`python -m lab.nights.life`) reads one JSON line for each life, and says what a life does: `step <name>`,
which waits for `go`, then `ended <status>`.
"""

from __future__ import annotations

import gc
import inspect
import json
import logging
import os
import sys
import time
import traceback
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast
from uuid import UUID, uuid5

from prefect import Task

import flows.cutover
import flows.gate
import flows.preflight
import flows.rollback
import flows.trouble
import flows.wait
import mailmove.evidence
import tasks.accounts.first_password_store
import tasks.execution.apply_and_undo
import tasks.execution.concurrency_limits
import tasks.execution.open_blocks
import tasks.ledger.artifact_tables
import tasks.ledger.ledger
import tasks.progress.rollback_stage
import tasks.progress.verify_or_park
import tasks.reporting.collect_night
import tasks.reporting.publish
from lab.nights.dying import Reaper, listen
from lab.nights.shelf import Shelf
from lab.town_blocks import blocks_of
from mailmove.errors import ByHand, MailmoveError, Transient
from mailmove.plan.load import plan_from
from tasks.runbook import STAGES

COMPLETED, PARKED, FAILED = 0, 75, 70
"""Exit statuses of a life; a killed one has -9."""


class Asleep(BaseException):
    """The process ends here, parked."""


class Life:
    """What a life knows of itself: the shelf, the run that it is in, how often each sub-flow was called."""

    def __init__(self, shelf: Shelf, reaper: Reaper, root: UUID) -> None:
        self.shelf, self.reaper, self.root = shelf, reaper, root
        self.run = "root"
        self._calls: dict[str, int] = {}

    def enter(self, step: str) -> None:
        """Tell the town, and wait until it has done to us what it wants."""
        if step != self.reaper.step:
            os.write(1, f"step {step}\n".encode())
            assert _line() == "go"
            self.reaper.enter(step)

    def sub_flow(self, flow: Any, name: str) -> Any:
        """Prefect tells sub-flow runs apart by name and by how often that was called before; so does this."""

        def call(*args: Any) -> Any:
            key = f"{flow.name}[{name}]"
            number = self._calls[key] = self._calls.get(key, 0) + 1
            key = f"{key}#{number}"
            if kept := self.shelf.kept(key):
                return kept[0]
            if flow.name in ("wait", "gate", "preflight"):
                self.enter(name or flow.name)
            outer, self.run = self.run, key
            while True:
                try:
                    result = flow.fn(*args)
                    break
                except Asleep:
                    if flow.name != "wait" or not self._woken():
                        raise
            self.run = outer
            self.shelf.keep(key, result)
            return result

        return call

    def to_its_end(self, flow: Any, name: str, *args: Any) -> None:
        self.sub_flow(flow, name)(*args)

    def _woken(self) -> bool:
        """A parked wait that is woken again: mostly in this process, which is cheap; else in the next life."""
        os.write(1, b"asleep\n")
        return _line() == "again"

    def park(self, form: Any, question: str, **_: Any) -> NoReturn:
        number = len(self.shelf.lines("question", self.run)) + 1
        self.shelf.put("question", self.run, text=question, number=number)
        raise Asleep

    def last_answer(self, form: Any) -> Any:
        asked = len(self.shelf.lines("question", self.run))
        found = [line for line in self.shelf.lines("answer", self.run) if line["number"] == asked]
        return form(**found[-1]["values"]) if asked and found else None

    def run_id(self) -> UUID:
        return uuid5(self.root, self.run)


class Played:
    """A task as the flow sees it: remembered by (run, task), tried again when it may pass, without Prefect's engine."""

    def __init__(self, life: Life, task: Any, *, step: str = "", fresh: bool = False, earlier: int = 0) -> None:
        self._life, self._task, self._step, self._fresh, self._earlier = life, task, step, fresh, earlier
        self.fn = task.fn

    def with_options(self, *, refresh_cache: bool) -> Played:
        return Played(self._life, self._task, step=self._step, fresh=refresh_cache)

    def in_turn(self, earlier: int) -> Played:
        """As `tasks.execution.retry_policies.in_turn`: done once more, and then remembered."""
        return Played(self._life, self._task, step=self._step, earlier=earlier)

    def __call__(self, *args: Any, **more: Any) -> Any:
        bound = inspect.signature(self.fn).bind(*args, **more).arguments
        key = f"{self._life.run}/{self._task.name}/{bound.get('stage', self._earlier)}"
        kept = None if self._fresh else self._life.shelf.kept(key)
        if kept:
            return kept[0]
        if self._step and self._life.run in ("root", "back"):
            self._life.enter(self._step)
        for left in range(self._task.retries, -1, -1):
            try:
                result = self.fn(*args, **more)
            except Transient as error:
                if isinstance(error, ByHand) or not left:
                    raise
                time.sleep(min(0.8, 0.1 * 2 ** (self._task.retries - left)))
            else:
                self._life.shelf.keep(key, result)
                return result
        raise AssertionError("unreachable")


def prepare(life: Life, spec: dict[str, Any]) -> None:
    """Put the shelf where Prefect was, and the reaper where the world is."""
    logging.disable(logging.CRITICAL)
    for module, name, played in (
        (tasks.ledger.artifact_tables, "get_client", life.shelf.client),
        (tasks.progress.rollback_stage, "get_client", life.shelf.client),
        (tasks.reporting.collect_night, "_runs", lambda _: (None, [])),  # as if Prefect had forgotten the run
        (tasks.ledger.ledger, "flow_run", SimpleNamespace(root_flow_run_id=life.root)),
        (
            tasks.reporting.publish,
            "create_markdown_artifact",
            lambda text, key, **_: life.shelf.put("page", key, text=text),
        ),
        (tasks.accounts.first_password_store, "Secret", life.shelf.secret_block()),
        (tasks.execution.open_blocks, "_load", _blocks(spec).__getitem__),
        (tasks.execution.concurrency_limits, "_limits_that_exist", frozenset),
        *((module, "own_run_id", life.run_id) for module in (flows.gate, flows.wait)),
        (flows.gate, "times_parked", lambda: len(life.shelf.lines("question", life.run))),
        (flows.cutover, "in_turn", lambda one, earlier: one.in_turn(earlier)),
        *(
            (module, "settles", Played(life, tasks.progress.verify_or_park.settles))
            for module in (flows.cutover, flows.wait)
        ),
        (tasks.progress.verify_or_park, "PAUSES", (0.1, 0.2)),
        (
            tasks.execution.apply_and_undo,
            "leave_if_taken_over",
            lambda: None,
        ),  # a life is the only one, until it is over
        *((module, "to_its_end", life.to_its_end) for module in (flows.cutover, flows.rollback)),
        *((module, "park", life.park) for module in (flows.gate, flows.wait, flows.trouble)),
        *((module, "last_answer", life.last_answer) for module in (flows.gate, flows.wait, flows.trouble)),
    ):
        setattr(module, name, played)
    for stage in STAGES:
        for verb in ("check", "apply", "verify", "rollback"):
            setattr(stage.module, verb, Played(life, getattr(stage.module, verb), step=stage.name))
    for module, step in ((flows.preflight, "preflight"), (flows.rollback, "")):
        for name, one in list(vars(module).items()):
            if isinstance(one, Task):
                setattr(module, name, Played(life, one, step=step))
    listen(life.reaper)
    if offset := spec.get("clock_seconds", 0.0):
        _turn_the_clock(offset)


def _blocks(spec: dict[str, Any]) -> dict[str, Any]:
    town = SimpleNamespace(name=spec["name"], settings=spec["settings"], dns=SimpleNamespace(kind=spec["kind"]))
    return dict(blocks_of(cast(Any, town)))


def _turn_the_clock(seconds: float) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    setattr(mailmove.evidence, "datetime", Wrong)  # noqa: B010  # mypy rightly minds, were it an assignment


def live(spec: dict[str, Any]) -> int:
    """Walk until the end, a question or death."""
    shelf = Shelf(Path(spec["shelf"]))
    reaper = Reaper(Path(spec["mourned"]), spec.get("deaths", []), spec.get("sweep"), spec.get("everything", False))
    life = Life(shelf, reaper, UUID(spec["root"]))
    prepare(life, spec)
    plan = plan_from(spec["plan"])
    try:
        if spec.get("rollback"):
            life.run = "back"
            shelf.put("ended", "rollback", text=flows.rollback.rollback.fn(plan, life.root))
        else:
            shelf.put("ended", "cutover", text=flows.cutover.cutover.fn(plan))
    except Asleep:
        return PARKED
    except MailmoveError as error:
        shelf.put("failed", type(error).__name__, text=str(error))
        return FAILED
    except Exception:  # noqa: BLE001  # a crash of the product is what the night looks for
        shelf.put("crashed", "", text=traceback.format_exc())
        return FAILED
    return COMPLETED


def _line() -> str:
    """One line of standard input, not a byte more: the next one may be another process's."""
    read = b""
    while not read.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(1)  # nobody is there any more
        read += byte
    return read.decode().strip()


def nursery() -> None:
    """Fork a life for each line of JSON; `go` lines left over from a killed life are passed by."""
    os.write(1, b"ready\n")
    gc.collect()
    gc.freeze()  # so that collecting garbage in a child does not copy what is shared
    while True:
        line = _line()
        if not line.startswith("{"):
            continue
        child = os.fork()
        if not child:
            os.write(1, f"born {os.getpid()}\n".encode())  # by itself: its first step must not overtake this line
            status = FAILED
            try:
                status = live(json.loads(line))
            except BaseException:  # noqa: BLE001  # shown by the night
                traceback.print_exc()
            os._exit(status)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    sys.modules["lab.nights.life"] = sys.modules["__main__"]
    nursery()
