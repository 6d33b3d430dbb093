"""Walk a cutover by hand in the lab's town: each step of the runbook when the test wants it, all in one process.

The town is real as ever (DNS, HTTPS, SMTP on loopback); the engine is one in memory.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar
from uuid import UUID

from engine_taps import store_tapped
from memory_engine import MemoryEngine
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_EPHEMERAL_ENABLED, temporary_settings
from wire_tap import tapped

from lab.town import Town
from lab.town_blocks import blocks_of
from mailmove.errors import Transient
from mailmove.evidence import Evidence, PollResult
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from mailmove.ports import CertificateAuthority
from tasks.engine.current import running_on
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.parking.poll import Awaited, carry_out_remedy, poll_once
from tasks.progress.wait_ends import wait_completed
from tasks.runbook import RUNBOOK, Stage, Wait

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
"""A town in which a cutover takes half a minute."""
NO_SERVER: dict[Any, Any] = {PREFECT_SERVER_EPHEMERAL_ENABLED: False}
"""Who asks where results are kept is not to start a server of Prefect's for that."""


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


class TownEngine(MemoryEngine):
    """Each task opens a block anew, as Prefect gives it: not signed in, nothing known but what a block itself keeps."""

    def load_block(self, reference: str) -> Any:
        block = super().load_block(reference)
        return block if isinstance(block, CertificateAuthority) else type(block)(**dict(block))


@contextmanager
def walking(
    only: Collection[str] | None = None, *, on: Town | None = None, plan: dict[str, Any] | None = None, **town: Any
) -> Iterator[Walk]:
    """A walk in a new town, or `on` one that is there. plan: sections instead of the town's own; town: its settings."""
    with tempfile.TemporaryDirectory() as home, temporary_settings({PREFECT_HOME: home, **NO_SERVER}):
        if on is not None:
            with running_on(TownEngine(blocks_of(on))) as memory:
                yield Walk(on, memory, only, plan)
            return
        with Town(**{**SMALL, **town}) as made, running_on(TownEngine(blocks_of(made))) as memory:
            yield Walk(made, memory, only, plan)


class Walk:
    """`do(f, ...)` calls f as a part of the cutover; `bring_to(name)` does every step before that one.

    only: the steps that this cutover has; None: all.
    """

    def __init__(
        self, town: Town, memory: MemoryEngine, only: Collection[str] | None = None, plan: dict[str, Any] | None = None
    ) -> None:
        self.town, self.memory, self.only = town, memory, only
        sweep = {**town.plan()["sweep"], "quiet_minutes": 0.005}
        self.plan: Cutover = plan_from({**town.plan(sweep=sweep), **(plan or {})})
        self.root: UUID = memory.root
        self.done: list[str] = []
        self.remains: list[str] = []
        self.interrupted = ""
        self.first = self.picture()

    @property
    def ledger(self) -> Ledger:
        """What is written by now: a ledger reads its entries once, so it is another one each time."""
        return Ledger(self.plan.customer, self.root)

    def do(self, call: Callable[..., R], *args: Any) -> R:
        return call(*args)

    def another_run(self) -> AbstractContextManager[None]:
        """Within, another root run is under way: a rollback, or a second cutover."""
        return self.memory.in_another_run()

    def table(self, key: str) -> list[dict[str, Any]]:
        """The newest version."""
        return self.memory.store.read_latest([key])[key]

    def until(self, call: Callable[..., R], *args: Any) -> R:
        assert not self.interrupted, f"interrupted: {self.interrupted}"  # one fault, one minute, not one each
        try:
            return settled(lambda: self.do(call, *args))
        except Exception as error:
            self.interrupted = str(error)
            raise

    def bring_to(self, name: str | None) -> None:
        """Do what comes before a step and is not done yet; None: the whole cutover."""
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

    def wait_for(self, name: str, seconds: float = 60.0) -> PollResult:
        """Poll until it has come, and write it down as the flow does."""
        result, deadline = None, time.monotonic() + seconds
        while result is None or not result.done:
            assert time.monotonic() < deadline, f"{name}: {result.summary if result else 'never polled'}"
            result = self.poll(name, result)
            time.sleep(0.05)
        self.do(wait_completed, self.plan, self.root, Awaited(name), result)
        return result

    def poll(self, name: str, previous: PollResult | None = None) -> PollResult:
        """One poll, as the wait's own run does it: it writes nothing; a remedy that is due is carried out after it."""
        awaited = Awaited(name)
        with store_tapped() as store, tapped() as heard:
            result = self.do(asyncio.run, poll_once(self.plan, self.root, awaited, previous))
        assert (store.writes, heard) == ([], []), f"{name}: a poll writes nothing, and changes nothing"
        assert store.reads_of_ledgers() <= 1, f"{name}: {store.reads}"
        assert not result.faults, result.summary
        if result.remedy:
            result = self.do(asyncio.run, carry_out_remedy(self.plan, self.root, awaited, result))
        return result

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
        return sum(entry.kind is EntryKind.INTENT for entry in self.ledger.entries())


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
