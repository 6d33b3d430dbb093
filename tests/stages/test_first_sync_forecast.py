"""How far the first copy is, when it should be done, and what is done about mailboxes that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from fake_blocks import SOURCE, TENANT, a_plan, source, tenant
from memory_engine import MemoryEngine

from mailmove.clock import now
from mailmove.evidence import PollResult
from mailmove.tenant_state import MigrationUser, SkippedItem
from tasks.engine.current import running_on
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import BatchRestart
from tasks.parking.poll import Awaited, carry_out_remedy, poll_once

ANNA, BEN = "anna@c.example", "ben@c.example"
ROOT = uuid4()


def skipped_items(user: str) -> list[SkippedItem]:
    return [SkippedItem(kind="LargeItem", subject="Film", folder="Inbox", sender=f"x-{user}")]


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    boxes = [SimpleNamespace(address=ANNA, item_count=900), SimpleNamespace(address=BEN, item_count=100)]
    with running_on(
        MemoryEngine(
            {
                **source(**{"inventory.return_value.moving": boxes}),
                **tenant(
                    **{
                        "migration.skipped_items.side_effect": skipped_items,
                        "migration.batch.return_value.status": "Syncing",
                    }
                ),
            },
            root=ROOT,
        )
    ) as memory:
        of_the_batch(
            memory,
            MigrationUser(address=ANNA, status="Syncing", synced_items=0),
            MigrationUser(address=BEN, status="Queued"),
        )
        yield memory


def of_the_batch(memory: MemoryEngine, *users: MigrationUser) -> None:
    memory.blocks[TENANT].migration.users.return_value = list(users)


def poll(previous: PollResult | None = None) -> PollResult:
    result = asyncio.run(poll_once(a_plan(), ROOT, Awaited("first_sync"), previous))
    assert not result.faults, result.summary
    return result


def test_the_rate_of_the_copy_gives_a_forecast(memory: MemoryEngine) -> None:
    first = poll()
    assert (first.done, first.forecast) == (False, None)
    assert first.summary == "0 of 2 mailboxes copied, 0 of about 1000 items"
    began = now() - timedelta(minutes=10)
    earlier = first.model_copy(update={"state": {**first.state, "began": began.isoformat()}})
    of_the_batch(
        memory,
        MigrationUser(address=ANNA, status="Syncing", synced_items=500),
        MigrationUser(address=BEN, status="Queued"),
    )
    second = poll(earlier)
    assert second.forecast is not None
    assert timedelta(minutes=9) < second.forecast - now() < timedelta(minutes=11), "500 in ten minutes, 500 to go"
    assert second.details == [f"{ANNA}: Syncing, 500 of about 900 items", f"{BEN}: Queued, 0 of about 100 items"]
    assert "50 a minute" in second.summary
    assert memory.blocks[SOURCE].inventory.call_count == 1, "the old server is asked once"
    assert PollResult.model_validate_json(second.model_dump_json()).state == second.state


def test_what_was_left_out_is_listed_by_name(memory: MemoryEngine) -> None:
    of_the_batch(memory, MigrationUser(address=ANNA, status="Synced", synced_items=899, skipped_items=1))
    result = poll()
    assert result.done
    assert result.details == [f"{ANNA}: left out LargeItem 'Film' in Inbox from x-{ANNA}"]


def test_a_poll_writes_nothing_and_starts_nothing_and_the_remedy_does_both_once(memory: MemoryEngine) -> None:
    of_the_batch(memory, MigrationUser(address=ANNA, status="Failed", error="the server answers 503"))
    memory.blocks[TENANT].migration.batch.return_value.status = "SyncedWithErrors"
    result = poll()
    assert (result.done, result.remedy, dict(memory.store.tables)) == (False, True, {})
    memory.blocks[TENANT].migration.start_batch.assert_not_called()

    result = asyncio.run(carry_out_remedy(a_plan(), ROOT, Awaited("first_sync"), result))
    [(_, restart)] = Ledger("contoso", ROOT).payloads(BatchRestart)
    assert (restart.failed, result.remedy, memory.acts) == ([ANNA], False, 1)
    assert not poll(result).remedy, "not again so soon"
    asyncio.run(carry_out_remedy(a_plan(), ROOT, Awaited("first_sync"), result))
    assert memory.blocks[TENANT].migration.start_batch.call_count == 1


def test_a_fenced_wait_starts_no_batch(memory: MemoryEngine) -> None:
    of_the_batch(memory, MigrationUser(address=ANNA, status="Failed", error="the server answers 503"))
    memory.blocks[TENANT].migration.batch.return_value.status = "SyncedWithErrors"
    memory.fenced = True
    with pytest.raises(InterruptedError):
        asyncio.run(carry_out_remedy(a_plan(), ROOT, Awaited("first_sync"), poll()))
    memory.blocks[TENANT].migration.start_batch.assert_not_called()


def test_a_mailbox_of_unknown_size_gives_no_forecast_and_is_not_counted_as_empty(memory: MemoryEngine) -> None:
    boxes = [SimpleNamespace(address=ANNA, item_count=900), SimpleNamespace(address=BEN, item_count=None)]
    memory.blocks[SOURCE].inventory.return_value.moving = boxes
    first = poll()
    assert first.summary == "0 of 2 mailboxes copied, 0 of at least 900 items"
    assert first.details == [f"{ANNA}: Syncing, 0 of about 900 items", f"{BEN}: Queued, 0 items"]
    began = now() - timedelta(minutes=10)
    earlier = first.model_copy(update={"state": {**first.state, "began": began.isoformat()}})
    of_the_batch(
        memory,
        MigrationUser(address=ANNA, status="Syncing", synced_items=500),
        MigrationUser(address=BEN, status="Syncing"),
    )
    assert poll(earlier).forecast is None, "nobody knows how much Ben has"
    of_the_batch(
        memory,
        MigrationUser(address=ANNA, status="Syncing", synced_items=500),
        MigrationUser(address=BEN, status="Synced", synced_items=70),
    )
    assert poll(earlier).forecast is not None, "what is left is known"
