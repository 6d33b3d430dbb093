"""Mail that still reaches the old server when its door is closed is told in the report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from mailmove.errors import Transient
from mailmove.evidence import Evidence
from mailmove.items.item import Arrival
from tasks.traffic import inside_senders as behind_the_door

QUIET = datetime.now(UTC) - timedelta(hours=1)
COUNTED = QUIET + timedelta(minutes=10)


def ledger(**kept: datetime) -> Mock:
    return Mock(evidence=lambda stage: Evidence(stage=stage, facts=[], at=kept[stage]) if stage in kept else None)


def told(monkeypatch: pytest.MonkeyPatch, book: Mock, *minutes: int) -> list[str]:
    """minutes: after it was quiet, when a scanner delivered."""
    scans = [
        Arrival(
            at=QUIET + timedelta(minutes=one),
            message_id=f"<{one}@scanner>",
            sender="scanner@contoso.com",
            recipients=("anna@contoso.com",),
            client_ip="192.168.1.20",
            client_name="MFP-2OG",
        )
        for one in minutes
    ]
    server = Mock(arrivals=lambda since: [one for one in scans if one.at > since], clock=lambda: datetime.now(UTC))
    monkeypatch.setattr(behind_the_door, "source_server", lambda _: server)
    return behind_the_door.behind_the_door(Mock(domains=["contoso.com"]), book)


def test_a_scanner_that_goes_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    over = ledger(quiet_inside=QUIET, reconcile_again=COUNTED)
    assert told(monkeypatch, over, -5) == [], "what came before it was quiet is counted"
    [line] = told(monkeypatch, over, -5, 20, 30)
    assert line.startswith("192.168.1.20 (MFP-2OG) still delivers to the old server: 2 messages")
    assert line.endswith(f"after the last count ({COUNTED:%H:%M} UTC) is in the old mailboxes only.")


def test_nothing_is_told_before_the_last_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, ledger(quiet_inside=QUIET), 20) == []


def test_a_log_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Mock(clock=Mock(side_effect=Transient("EWS", wanted="the time", seen="nothing", todo="Ask again.")))
    monkeypatch.setattr(behind_the_door, "source_server", lambda _: away)
    [line] = behind_the_door.behind_the_door(Mock(), ledger(reconcile_again=COUNTED))
    assert "not known: EWS: wanted the time" in line
