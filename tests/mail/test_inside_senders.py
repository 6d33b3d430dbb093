"""Mail that still reaches the old server when its port 25 is closed is named in the report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_blocks import SOURCE, a_plan, source
from memory_engine import MemoryEngine

from mailmove.clock import Clock, clock_set
from mailmove.errors import Transient
from mailmove.items.item import Arrival
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.traffic.inside_senders import inside_senders

AGO = -timedelta(hours=1)
LATER = timedelta(minutes=10)


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    with running_on(MemoryEngine(source(**{"clock.side_effect": lambda: datetime.now(UTC)}))) as memory:
        yield memory


def completed(step: str, at: timedelta) -> datetime:
    with clock_set(Clock(ahead=at)):
        return Context(a_plan(), step).ledger.record(EntryKind.EVIDENCE, step).at


def named(memory: MemoryEngine, *minutes: int) -> list[str]:
    """minutes: after it was quiet, when a scanner delivered."""
    quiet = datetime.now(UTC) + AGO
    scans = [
        Arrival(
            at=quiet + timedelta(minutes=minute),
            message_id=f"<{minute}@scanner>",
            sender="scanner@contoso.com",
            recipients=("anna@contoso.com",),
            client_ip="192.168.1.20",
            client_name="MFP-2OG",
        )
        for minute in minutes
    ]
    memory.blocks[SOURCE].arrivals.side_effect = lambda since: [scan for scan in scans if scan.at > since]
    return inside_senders(Context(a_plan(), "report"))


def test_a_scanner_that_goes_on_is_named(memory: MemoryEngine) -> None:
    completed("quiet_inside", AGO)
    counted = completed("reconcile_again", AGO + LATER)
    assert named(memory, -5) == [], "what came before it was quiet is counted"
    [line] = named(memory, -5, 20, 30)
    assert line.startswith("192.168.1.20 (MFP-2OG) still delivers to the old server: 2 messages")
    assert line.endswith(f"after the last count ({counted:%H:%M} UTC) is in the old mailboxes only.")


def test_nothing_is_named_before_the_last_count(memory: MemoryEngine) -> None:
    completed("quiet_inside", AGO)
    assert named(memory, 20) == []


def test_a_log_that_cannot_be_read_is_named(memory: MemoryEngine) -> None:
    completed("reconcile_again", AGO + LATER)
    memory.blocks[SOURCE].clock.side_effect = Transient("EWS", wanted="the time", seen="nothing", todo="Ask again.")
    [line] = inside_senders(Context(a_plan(), "report"))
    assert "not known: EWS: wanted the time" in line
