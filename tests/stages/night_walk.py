"""Walk a night by hand in a real town: each step of the runbook when the test wants it, all in one flow run."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from prefect import flow

from lab.town import Town
from lab.town_blocks import save_blocks
from mailmove.errors import Transient
from mailmove.evidence import Evidence, Look
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from tasks.execution.apply_and_undo import witness
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.runbook import RUNBOOK, Stage, Wait, condition_of

R = TypeVar("R")

SMALL: dict[str, Any] = {
    "users": 3,
    "shared": 1,
    "public_folders": 1,
    "messages": 40,
    "mail_per_second": 0.0,
    "ttl": 4,
    "insync_delay": 0.1,
    "cycle_seconds": 1.0,
    "approve_after": None,
}
"""A town in which a night takes half a minute."""


class FlowRunOpen:
    """`with FlowRunOpen() as run:` holds a flow run open; `run.do(f, ...)` calls f in it, as a part of the cutover."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        # A copied context knows the test server that the fixture has chosen.
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._live,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.put(None)
        self._thread.join(60)

    def _live(self) -> None:
        @flow
        def night() -> None:
            while call := self._calls.get():
                answer, work = call
                try:
                    answer.set_result(work())
                except BaseException as error:  # noqa: BLE001  # it is raised where `do` was called
                    answer.set_exception(error)

        night()

    def do(self, call: Callable[..., R], *args: Any) -> R:
        answer: Future[R] = Future()
        self._calls.put((answer, lambda: call(*args)))
        return answer.result(timeout=120)


def settled(call: Callable[[], R], seconds: float = 60.0) -> R:
    """Ask again while the answer is "not yet", as the retry policy of the tasks does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except Transient:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Walk:
    """`do(f, ...)` calls f as a part of the night; `bring_to(name)` does every step before that one.

    only: the steps that this night has; None: all.
    """

    def __init__(self, town: Town, run: FlowRunOpen, only: Collection[str] | None = None) -> None:
        self.town, self.run, self.only = town, run, only
        sweep = {**town.plan()["sweep"], "quiet_minutes": 0.005}
        self.plan: Cutover = plan_from(town.plan(sweep=sweep))
        save_blocks(town)
        self.root: UUID = self.do(this_cutover)
        self.ledger = Ledger(self.plan.customer, self.root)
        self.done: list[str] = []
        self.remains: list[str] = []
        self.held_up = ""
        self.first = self.picture()

    def do(self, call: Callable[..., R], *args: Any) -> R:
        return self.run.do(call, *args)

    def until(self, call: Callable[..., R], *args: Any) -> R:
        assert not self.held_up, f"the night is held up since {self.held_up}"  # one fault, one minute, not one each
        try:
            return settled(lambda: self.do(call, *args))
        except Exception as error:
            self.held_up = str(error)
            raise

    def bring_to(self, name: str | None) -> None:
        """Do what comes before a step and is not done yet; None: the whole night."""
        for step in RUNBOOK:
            if step.name == name:
                return
            if step.name not in self.done and (self.only is None or step.name in self.only):
                self.pass_through(step)

    def pass_through(self, step: Stage | Wait) -> None:
        if isinstance(step, Stage):
            self.until(step.module.apply.fn, self.plan)
            self.agree(step)
        else:
            self.wait_for(step.name)
        self.done.append(step.name)

    def agree(self, stage: Stage) -> Evidence:
        """Until `verify` passes; the customer says yes to whatever they are asked."""
        self.town.cloud.customer_approves()
        return self.until(stage.module.verify.fn, self.plan)

    def wait_for(self, name: str, seconds: float = 60.0) -> Look:
        """Look until it has come, and witness it as the flow does."""
        condition, seen, deadline = condition_of(name), None, time.monotonic() + seconds
        assert condition is not None
        while seen is None or not seen.done:
            assert time.monotonic() < deadline, f"{name}: {seen.summary if seen else 'never looked'}"
            seen = self.do(asyncio.run, condition(self.plan, self.ledger, seen))
            time.sleep(0.05)
        self.do(witness, self.plan, name, [seen.summary])
        return seen

    def picture(self) -> dict[str, Any]:
        """The town outside, path by path, when no first copy is under way: a batch that runs makes mailboxes."""
        deadline = time.monotonic() + 60
        while True:
            plain = self.town.picture()
            batches = plain["cloud"]["batches"]
            if not {"Starting", "Syncing", "Removing", "Stopping"} & set(batches.values()):
                plain["cloud"]["batches"] = {name: _steady(status) for name, status in batches.items()}
                return dict(_paths(plain))
            assert time.monotonic() < deadline, f"batches: {batches}"
            time.sleep(0.05)

    def intents(self) -> int:
        return sum(entry.kind == "intent" for entry in self.ledger.entries())


def _steady(status: str) -> str:
    return "Synced" if status == "IncrementalSyncing" else status


def _paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}|{key}")
    else:
        yield path, value


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Paths at which two pictures differ."""
    return {path for path in before.keys() | after.keys() if before.get(path, ...) != after.get(path, ...)}


def unexplained(before: dict[str, Any], after: dict[str, Any], remains: list[str]) -> set[str]:
    """Differences of which no line of `remains` names the thing: an address, a domain, a relationship."""
    said = "\n".join(remains)
    return {
        path for path in differing(before, after) if not any(part and part in said for part in path.split("|")[3:4])
    }
