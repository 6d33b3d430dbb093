"""Two messages of one Message-ID when the switch is undone: the one that only the cloud has is the one that returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from fake_blocks import SOURCE, TENANT, a_plan, source, tenant
from memory_engine import MemoryEngine

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from mailmove.changes import Change, ChangeKind, MessageSubject
from mailmove.errors import Blocked, MailmoveError, SignInRefused
from mailmove.items.identity import holds_digest, marked_message_id
from mailmove.items.item import Item
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.items.return_to_source import return_to_source
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import Topic

ANNA, BEN = "anna@contoso.com", "ben@contoso.com"
THEN = datetime(2026, 11, 26, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_message(identity: str, subject: str, hours: int, message_id: str | None = "<quota@x>", later: int = 0) -> Item:
    """later: hours from its own date until this server got it."""
    sent = THEN + timedelta(hours=hours)
    return Item(
        id=identity, folder=("Inbox",), kind="message", message_id=message_id, subject=subject, sent=sent,
        received=sent + timedelta(hours=later),
    )  # fmt: skip


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    boxes = [SimpleNamespace(address=ANNA), SimpleNamespace(address=BEN)]
    blocks = {
        **source(ExchangeServer, **{"inventory.return_value.moving": boxes, "messages.find.return_value": []}),
        **tenant(Microsoft365, **{"messages.since.return_value": []}),
    }
    with running_on(MemoryEngine(blocks)) as memory:
        yield memory


def remains(memory: MemoryEngine, cloud: Any, old: Any) -> list[str]:
    memory.blocks[TENANT].messages.since.side_effect = lambda mailbox, _: cloud if mailbox == ANNA else []
    memory.blocks[SOURCE].messages.find.side_effect = lambda mailbox, _: old if mailbox == ANNA else []
    root = uuid4()
    Context(a_plan(), "switch_mail", root=root).ledger.record(EntryKind.INTENT, "switch_mail")
    return return_to_source.fn(a_plan(), root, False).remains


@pytest.mark.parametrize("known", [0, 1, 2])
def test_the_other_one_is_named(memory: MemoryEngine, known: int) -> None:
    cloud = [a_message("a", "80 %", 0), a_message("b", "95 %", 1), a_message("c", "95 %", 2)]
    old = [cloud[known].model_copy(update={"id": "old", "received": THEN + timedelta(days=1)})]
    lines = [line for line in remains(memory, cloud, old) if "is only in the cloud" in line]
    assert len(lines) == 2
    missing = [item for number, item in enumerate(cloud) if number != known]
    assert all(
        f"'{item.subject}' of {item.received:%Y-%m-%d %H}" in line for item, line in zip(missing, lines, strict=True)
    )


def test_what_came_back_with_a_sync_after_it_was_returned_is_not_returned_again(memory: MemoryEngine) -> None:
    """Without a Date header each server makes one up: the copy that a sync brought back is paired with the returned."""
    mine = a_message("a", "Hello", 0)
    old = a_message("old", "Hello", 0).model_copy(update={"sent": THEN + SECOND, "received": THEN + SECOND})
    synced = old.model_copy(update={"id": "b"})
    root = uuid4()
    context = Context(a_plan(), "switch_mail", root=root)
    context.ledger.record(EntryKind.INTENT, "switch_mail")
    intent = Change(
        kind=ChangeKind.RETURN,
        subject=MessageSubject(mailbox=ANNA, message_id="<quota@x>", title="Hello", holds=holds_digest(mine)),
        before=None,
        after="delivered",
    )
    context.ledger.record(EntryKind.INTENT, "return_to_source", topic=Topic.RETURN, changes=[intent])
    memory.blocks[TENANT].messages.since.side_effect = lambda mailbox, _: [synced, mine] if mailbox == ANNA else []
    memory.blocks[SOURCE].messages.find.side_effect = lambda mailbox, _: [old] if mailbox == ANNA else []
    receipt = return_to_source.fn(a_plan(), root, True)
    assert receipt.changes == [] and not any("Hello" in line for line in receipt.remains)


def test_without_a_message_id_it_is_named_and_a_copy_of_ours_is_not(memory: MemoryEngine) -> None:
    mark = marked_message_id("0" * 32)
    cloud = [a_message("a", "nameless", 0, None), a_message("b", "copied by us", 1, mark)]
    lines = remains(memory, cloud, [])
    assert any("'nameless'" in line and "has no Message-ID" in line for line in lines)
    assert not any("copied by us" in line for line in lines)


def test_a_mailbox_that_cannot_be_opened_is_named_and_the_others_are_looked_at(memory: MemoryEngine) -> None:
    def since(mailbox: str, _: datetime) -> list[Item]:
        if mailbox == ANNA:
            raise Blocked("Graph", wanted="x", seen="404 MailboxNotEnabledForRESTAPI", todo="-")
        return [a_message("a", "80 %", 0)]

    memory.blocks[TENANT].messages.since.side_effect = since
    root = uuid4()
    Context(a_plan(), "switch_mail", root=root).ledger.record(EntryKind.INTENT, "switch_mail")
    lines = return_to_source.fn(a_plan(), root, False).remains
    assert any(line.startswith(f"{ANNA}: mail that only the cloud has was not looked at") for line in lines)
    assert any(BEN in line and "is only in the cloud" in line for line in lines)


@pytest.mark.parametrize("kind", [Blocked, SignInRefused])
def test_what_every_mailbox_has_stops_it(memory: MemoryEngine, kind: type[MailmoveError]) -> None:
    memory.blocks[TENANT].messages.since.side_effect = kind("Graph", wanted="x", seen="no", todo="-")
    root = uuid4()
    Context(a_plan(), "switch_mail", root=root).ledger.record(EntryKind.INTENT, "switch_mail")
    with pytest.raises(kind):
        return_to_source.fn(a_plan(), root, False)
