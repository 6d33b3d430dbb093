"""A state in which a migration user rests is asked about or started again. Microsoft's "Manage migration batches"."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from fake_blocks import a_plan, source, tenant
from memory_engine import MemoryEngine

from mailmove.clock import Clock, clock_set
from mailmove.evidence import PollResult
from mailmove.tenant_state import MigrationBatch, MigrationUser
from mailmove.tenant_states import MIGRATION_BATCHES, MIGRATION_USERS, Step
from tasks.engine.current import running_on
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import BatchRestart
from tasks.parking.poll import Awaited, carry_out_remedy, poll_once

ANNA, BEN = "anna@c.example", "ben@c.example"
ROOT, FIRST_SYNC = uuid4(), Awaited("first_sync")
UNHEARD = "AwaitingReview"


class JumpingClock(Clock):
    """Stands, and jumps when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta(0)

    def now(self):  # type: ignore[no-untyped-def]
        return super().now() + self.ahead


@contextmanager
def first_sync(
    status: str, batch: str, *, error: str = "", items: int = 10
) -> Iterator[tuple[MemoryEngine, JumpingClock]]:
    """Anna is synced, Ben is so, and so is the batch."""
    users = [
        MigrationUser(address=ANNA, status="Synced", synced_items=1000),
        MigrationUser(address=BEN, status=status, synced_items=items, error=error),
    ]
    boxes = [SimpleNamespace(address=address, item_count=1000) for address in (ANNA, BEN)]
    blocks = {
        **source(**{"inventory.return_value.moving": boxes}),
        **tenant(
            **{
                "migration.users.return_value": users,
                "migration.skipped_items.return_value": [],
                "migration.batch.return_value": MigrationBatch(name="b", status=batch, total=2, synced=1),
            }
        ),
    }
    clock = JumpingClock()
    with running_on(MemoryEngine(blocks, root=ROOT)) as memory, clock_set(clock):
        yield memory, clock


def polls(clock: JumpingClock, count: int = 8, hours: float = 2) -> PollResult:
    """So many polls, so far apart, with the remedy where one is due; the last result."""
    result: PollResult | None = None
    for _ in range(count):
        result = asyncio.run(poll_once(a_plan(), ROOT, FIRST_SYNC, result))
        assert not result.faults, result.summary
        if result.remedy:
            result = asyncio.run(carry_out_remedy(a_plan(), ROOT, FIRST_SYNC, result))
        clock.ahead += timedelta(hours=hours)
    assert result is not None
    return result


def restarts() -> int:
    return len(list(Ledger("contoso", ROOT).payloads(BatchRestart)))


@pytest.mark.parametrize("status", [*MIGRATION_USERS.known, UNHEARD])
def test_every_state_ends_waits_or_asks(status: str) -> None:
    step = MIGRATION_USERS.step(status)
    batch = {Step.DONE: "Synced", Step.WAIT: "Syncing"}.get(step, "SyncedWithErrors")
    with first_sync(status, batch) as (_, clock):
        result = polls(clock)
        assert result.done is (step is Step.DONE)
        assert bool(result.asks) is (step is not Step.DONE), "in 16 hours a person has heard of it"
        assert (restarts() > 0) is (step is Step.START)
        assert restarts() <= 5, "not for ever, and written down"
        if step is Step.ASK:
            assert any(line.startswith(f"{BEN} is {status}: ") for line in result.details)


@pytest.mark.parametrize("status", [*MIGRATION_BATCHES.known, UNHEARD])
@pytest.mark.parametrize("user", ["Failed", "Stopped", "Corrupted", "Queued"])
def test_every_state_of_the_batch_beside_one_of_a_mailbox(status: str, user: str) -> None:
    with first_sync(user, status) as (_, clock):
        result = polls(clock)
        assert not result.done
        assert result.asks
        if MIGRATION_BATCHES.step(status) in (Step.ASK, Step.WAIT):
            assert restarts() == 0, "nobody starts what is under way, or what somebody has stopped"


@pytest.mark.parametrize("status", ["Stopped", "Corrupted", "IncrementalStopped", "Removing", UNHEARD])
def test_what_does_not_go_on_by_itself_is_asked_about_at_once(status: str) -> None:
    with first_sync(status, "SyncedWithErrors") as (_, clock):
        assert polls(clock, count=1).asks


def test_a_queue_is_waited_for_and_a_poisoned_job_is_not() -> None:
    with first_sync("Queued", "Syncing", items=0) as (_, clock):
        assert polls(clock, count=8, hours=0.01).asks is None
    with first_sync("Queued", "Syncing", error="Job is poisoned, poison count = 6", items=0) as (_, clock):
        assert polls(clock, count=8, hours=0.01).asks


def test_a_batch_that_is_gone_is_asked_about() -> None:
    with first_sync("Queued", "Syncing") as (memory, clock):
        memory.blocks["microsoft365/contoso"].migration.batch.return_value = None
        result = polls(clock, count=1)
        assert result.asks
        assert any("no such batch" in line for line in result.details)
