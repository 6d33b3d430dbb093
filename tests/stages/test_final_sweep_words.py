"""Who is not synced yet at the last sync is named with Microsoft's own words for what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from fake_blocks import a_plan, source, tenant
from memory_engine import MemoryEngine

from mailmove.errors import NotYet
from mailmove.tenant_state import MigrationBatch, MigrationUser
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import ServerClock
from tasks.stages import final_sweep

SINCE = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


def test_who_is_not_synced_yet_is_named_with_what_is_wrong() -> None:
    users = [
        MigrationUser(address="anna@contoso.com", status="Synced", last_synced=SINCE.replace(hour=3)),
        MigrationUser(address="ben@contoso.com", status="Synced", last_synced=SINCE),
        MigrationUser(address="cleo@contoso.com", status="IncrementalFailed", error="the server answers 503"),
    ]
    boxes = [SimpleNamespace(address=user.address.title()) for user in users] + [
        SimpleNamespace(address="x@contoso.com")
    ]
    blocks = {
        **source(**{"inventory.return_value.moving": boxes}),
        **tenant(
            **{
                "migration.users.return_value": users,
                "migration.batch.return_value": MigrationBatch(name="b", status="IncrementalSyncing"),
            }
        ),
    }
    with running_on(MemoryEngine(blocks)):
        context = Context(a_plan(), final_sweep.NAME)
        noticed = ServerClock(step="propagation", whose="target", at=SINCE)
        context.ledger.record(EntryKind.EVIDENCE, "propagation", payload=noticed)
        with pytest.raises(NotYet) as caught:
            final_sweep.verify.fn(context)
    assert caught.value.seen == "3 not synced yet: " + "; ".join(
        [
            "x@contoso.com (not in the batch)",
            "ben@contoso.com (last synced 2026-11-27 02:00:00+00:00)",
            "cleo@contoso.com (last synced never; IncrementalFailed: the server answers 503)",
        ]
    )
