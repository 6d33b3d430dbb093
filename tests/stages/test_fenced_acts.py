"""A process whose run is another one's by now touches nothing outside: acts beside the four verbs ask first, too.

`stage_promises.py` holds every stage's `apply` and `rollback` to it, in the lab's town.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from fake_blocks import SOURCE, TENANT, a_plan, source, tenant
from memory_engine import MemoryEngine
from wire_tap import tapped

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from mailmove.evidence import PollResult
from mailmove.items.item import Item
from mailmove.tenant_state import MigrationUser
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.items.copy_mailboxes import copy_mailboxes
from tasks.items.copy_missing import copy_missing
from tasks.items.fenced_destination import FENCE_SECONDS, FencedDestination
from tasks.items.redeliver import deliver_again
from tasks.items.return_to_source import return_to_source
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import ProbeMailbox, ProbeRoute
from tasks.parking.poll import Awaited, carry_out_remedy
from tasks.traffic.probes import remove_probes

ANNA = "anna@contoso.com"
LATE = Item(id="1", folder=("Inbox",), kind="message", message_id="<late@x>", subject="Late")
MEETING = Item(id="2", folder=("Calendar",), kind="event", key="event|Late", subject="Late")
ACTS = {
    "messages.remove", "migration.sync_now", "migration.start_batch", "users.set_password", "migration.create_batch",
}  # fmt: skip


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    boxes = [SimpleNamespace(address=ANNA, kind="user")]
    old = {"inventory.return_value.moving": boxes, "messages.content.return_value": b"Message-ID: <late@x>\r\n\r\n"}
    cloud = {
        "messages.since.return_value": [LATE],
        "mailboxes.kinds.return_value": {ANNA: "user"},
        "items.destination.return_value.takes_streams.return_value": False,
    }
    blocks = {
        **source(ExchangeServer, **old, **{"messages.find.return_value": [], "arrivals.return_value": []}),
        **tenant(Microsoft365, **cloud, **{"messages.find.return_value": [LATE], "messages.traces.return_value": []}),
    }
    with running_on(MemoryEngine(blocks)) as memory:
        memory.fenced = True
        with tapped() as heard:
            yield memory
        assert heard == [], "nothing went over the wire"
        for block in blocks.values():
            acts = [call for call in block.mock_calls if call[0] in ACTS]
            assert acts == [], "no block was asked to act"
        assert memory.acts >= 1, "it was asked whether this process may act"


def refused(call: Any, *args: Any) -> None:
    with pytest.raises(InterruptedError):
        call(*args)


def context(stage: str = "reconcile_items") -> Context:
    return Context(a_plan(), stage)


def test_a_message_is_not_delivered_again(memory: MemoryEngine) -> None:
    refused(deliver_again, context(), {ANNA: [LATE]})


def test_missing_items_are_not_copied(memory: MemoryEngine) -> None:
    refused(copy_missing, context(), {ANNA: [MEETING]})
    destination = memory.blocks[TENANT].items.destination.return_value
    assert {call[0] for call in destination.mock_calls} <= {"takes_streams"}


def test_mailboxes_are_not_copied(memory: MemoryEngine) -> None:
    refused(copy_mailboxes, context("copy_mailboxes"))
    assert memory.blocks[TENANT].items.destination.return_value.mock_calls == []


def test_no_message_returns_to_the_source(memory: MemoryEngine) -> None:
    root = uuid4()
    Context(a_plan(), "switch_mail", root=root).ledger.record(EntryKind.INTENT, "switch_mail")
    memory.blocks[TENANT].messages.content.return_value = b"Message-ID: <late@x>\r\n\r\n"
    refused(return_to_source.fn, a_plan(), root, True)
    assert memory.blocks[SOURCE].messages.find.called, "the source was asked whether it has the message"


def test_probes_are_not_taken_away(memory: MemoryEngine) -> None:
    probes = context("probe_before")
    probes.ledger.record(EntryKind.EVIDENCE, probes.stage, payload=ProbeMailbox(address=ANNA))
    probes.ledger.record(EntryKind.INTENT, probes.stage, payload=ProbeRoute(message_id="<late@x>", route="mail"))
    refused(remove_probes, probes)


def test_a_wait_carries_out_no_remedy(memory: MemoryEngine) -> None:
    cloud = memory.blocks[TENANT]
    cloud.migration.users.return_value = [MigrationUser(address=ANNA, status="Failed", error="503")]
    cloud.migration.batch.return_value = Mock(status="Failed")
    remedy = carry_out_remedy(a_plan(), memory.root, Awaited("first_sync"), PollResult(done=False, summary=""))
    refused(asyncio.run, remedy)


class Target(Mock):
    """A destination that counts what is stored."""

    def put(self, mailbox: str, folder_id: str, contents: list[object]) -> list[object]:
        return []


def test_a_copy_that_is_fenced_on_its_way_stores_nothing_more() -> None:
    """A worker that slept comes back in the middle of a copy of hours: each batch asks, in a thread of its own."""
    with running_on(MemoryEngine()) as engine:
        destination = FencedDestination(Context(a_plan(), "copy_mailboxes"), Target())
        with ThreadPoolExecutor(1) as lane:
            assert lane.submit(destination.put, "anna@contoso.example", "f", []).result() == []
            assert engine.acts == 1
            assert lane.submit(destination.put, "anna@contoso.example", "f", []).result() == [], "asked a moment ago"
            assert engine.acts == 1
            destination._asked -= FENCE_SECONDS
            engine.fenced = True
            with pytest.raises(InterruptedError):
                lane.submit(destination.put, "anna@contoso.example", "f", []).result()
