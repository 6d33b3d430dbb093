"""Who is behind at the last sync is told with Microsoft's own words for what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from mailmove.tenant_state import MigrationUser
from tasks.stages import final_sweep

SINCE = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


def test_who_is_behind_is_told_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [
        MigrationUser(address="anna@contoso.com", status="Synced", last_synced=SINCE.replace(hour=3)),
        MigrationUser(address="ben@contoso.com", status="Synced", last_synced=SINCE),
        MigrationUser(address="cleo@contoso.com", status="IncrementalFailed", error="the server answers 503"),
    ]
    boxes = [SimpleNamespace(address=user.address.title()) for user in users] + [
        SimpleNamespace(address="x@contoso.com")
    ]
    old: Any = SimpleNamespace(inventory=lambda: SimpleNamespace(moving=boxes))
    monkeypatch.setattr(
        final_sweep, "tenant", lambda _: SimpleNamespace(migration=SimpleNamespace(users=lambda _: users))
    )
    monkeypatch.setattr(final_sweep, "source_server", lambda _: old)
    monkeypatch.setattr(final_sweep, "batch_name", lambda _: "contoso")
    assert final_sweep._behind(old, SINCE) == [
        "x@contoso.com (not in the batch)",
        "ben@contoso.com (last synced 2026-11-27 02:00:00+00:00)",
        "cleo@contoso.com (last synced never; IncrementalFailed: the server answers 503)",
    ]
