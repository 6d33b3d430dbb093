"""How far the first copy is, and when it should be done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mailmove.evidence import Look, now
from mailmove.tenant_state import MigrationUser, SkippedItem
from tasks.waits import first_sync

ANNA, BEN = "anna@c.example", "ben@c.example"
PLAN: Any = SimpleNamespace(customer="c", target=SimpleNamespace(mover="native", endpoint=None))


class Batch:
    """A tenant and a source, as far as the wait asks them."""

    def __init__(self) -> None:
        self.moving = [
            MigrationUser(address=ANNA, status="Syncing", synced_items=0),
            MigrationUser(address=BEN, status="Queued"),
        ]
        self.asked = 0

    @property
    def migration(self) -> Batch:
        return self

    def users(self, _: str) -> list[MigrationUser]:
        return self.moving

    def skipped_items(self, user: str) -> list[SkippedItem]:
        return [SkippedItem(kind="LargeItem", subject="Film", folder="Inbox", sender=f"x-{user}")]

    def inventory(self) -> Any:
        self.asked += 1
        boxes = [SimpleNamespace(address=ANNA, item_count=900), SimpleNamespace(address=BEN, item_count=100)]
        return SimpleNamespace(moving=boxes)


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Batch:
    batch = Batch()
    monkeypatch.setattr(first_sync, "tenant", lambda _: batch)
    monkeypatch.setattr(first_sync, "source_server", lambda _: batch)
    return batch


def look(previous: Look | None = None) -> Look:
    ledger: Any = None
    return asyncio.run(first_sync.look_on(PLAN, ledger, previous))


def test_the_rate_of_the_copy_gives_a_forecast(batch: Batch) -> None:
    first = look()
    assert (first.done, first.forecast) == (False, None)
    assert first.summary == "0 of 2 mailboxes copied, 0 of about 1000 items"
    began = now() - timedelta(minutes=10)
    earlier = first.model_copy(update={"state": {**first.state, "began": began.isoformat()}})
    batch.moving[0] = batch.moving[0].model_copy(update={"synced_items": 500})
    second = look(earlier)
    assert second.forecast is not None
    assert timedelta(minutes=9) < second.forecast - now() < timedelta(minutes=11), "500 in ten minutes, 500 to go"
    assert second.details == [f"{ANNA}: Syncing, 500 of about 900 items", f"{BEN}: Queued, 0 of about 100 items"]
    assert "50 a minute" in second.summary
    assert batch.asked == 1, "the old server is asked once"
    assert Look.model_validate_json(second.model_dump_json()).state == second.state


def test_what_was_left_out_is_listed_by_name(batch: Batch) -> None:
    batch.moving = [MigrationUser(address=ANNA, status="Synced", synced_items=899, skipped_items=1)]
    seen = look()
    assert seen.done
    assert seen.details == [f"{ANNA}: left out LargeItem 'Film' in Inbox from x-{ANNA}"]
