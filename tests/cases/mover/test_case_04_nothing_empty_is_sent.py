"""Content that is empty or no message is named on every way out, and never sent, stored or counted."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from fake_blocks import SOURCE, TENANT, a_plan, source, tenant
from memory_engine import MemoryEngine

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.items.item_requests import Unsendable, request_for
from blocks.microsoft365.microsoft365 import Microsoft365
from mailmove.errors import Transient
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.items.redeliver import deliver_again
from tasks.items.return_to_source import return_to_source
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import Topic

ANNA = "anna@contoso.com"
THEN = datetime(2026, 11, 26, tzinfo=UTC)
LATE = Item(id="1", folder=("Inbox",), kind="message", message_id="<late@x>", subject="Late", received=THEN)
EMPTY = [b"", b"\r\n", b" \r\n\r\n", b"\x00\x01\x02", b"no header at all"]


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    old = {"inventory.return_value.moving": [SimpleNamespace(address=ANNA)], "messages.find.return_value": []}
    blocks = {
        **source(ExchangeServer, **old, **{"arrivals.return_value": []}),
        **tenant(Microsoft365, **{"messages.since.return_value": [LATE]}),
    }
    with running_on(MemoryEngine(blocks)) as memory:
        yield memory


@pytest.mark.parametrize("content", EMPTY)
def test_it_is_not_delivered_again(memory: MemoryEngine, content: bytes) -> None:
    memory.blocks[SOURCE].messages.content.return_value = content
    context = Context(a_plan(), "reconcile_items")
    [(address, item, why)] = deliver_again(context, {ANNA: [LATE]})
    assert (address, item) == (ANNA, LATE) and why.startswith("the old server does not give it: ")
    assert [entry for entry in context.ledger.entries() if entry.topic is Topic.DELIVERY] == [], "nothing was begun"


@pytest.mark.parametrize("content", EMPTY)
def test_it_does_not_return_to_the_source(memory: MemoryEngine, content: bytes) -> None:
    root = uuid4()
    Context(a_plan(), "switch_mail", root=root).ledger.record(EntryKind.INTENT, "switch_mail")
    memory.blocks[TENANT].messages.content.return_value = content
    receipt = return_to_source.fn(a_plan(), root, True)
    assert receipt.changes == []
    assert any("'Late'" in line and "the cloud does not give it" in line for line in receipt.remains)


@pytest.mark.parametrize("content", EMPTY)
@pytest.mark.parametrize("kind", ["message", "event"])
def test_it_is_not_sent_to_graph(kind: str, content: bytes) -> None:
    mime = base64.b64encode(content).decode()
    whole = Content(LATE.model_copy(update={"kind": kind}), mime=mime)
    assert whole.lack
    with pytest.raises(Unsendable):
        request_for(whole, "users/anna@contoso.com", "inbox")


@pytest.mark.parametrize("mime", ["QUJDR", "QUJD*A==", "ä", "VG86IHg=A"])
def test_what_is_no_base64_is_no_content(mime: str) -> None:
    assert Content(LATE, mime=mime).lack == "what came is no base64"
    with pytest.raises(Unsendable):
        request_for(Content(LATE, mime=mime), "users/anna@contoso.com", "inbox")


def test_an_empty_stream_and_an_empty_contact_are_no_content() -> None:
    contact = LATE.model_copy(update={"kind": "contact", "message_id": None})
    assert Content(LATE, stream="").lack and Content(contact, fields={}).lack
    assert Content(contact, fields={"emailAddresses": [], "displayName": ""}).lack
    assert Content(LATE, missing="").lack and Content(LATE).lack
    assert Content(LATE, mime="VG86IHhAeA0KDQo=").lack == "", "a message of a header alone is one"


def test_one_that_the_server_does_not_give_keeps_no_other_back(memory: MemoryEngine) -> None:
    """And where it gives none at all, the server is away: nobody is asked about every single message."""
    error = Transient("EWS", wanted="x", seen="ErrorInternalServerError", todo="Ask again.")
    given = memory.blocks[SOURCE].messages.content
    other = LATE.model_copy(update={"id": "2", "message_id": "<other@x>"})
    context = Context(a_plan(), "reconcile_items")
    given.side_effect = [error, b""]
    lost = deliver_again(context, {ANNA: [LATE, other]})
    assert [item.id for _, item, _ in lost] == ["1", "2"] and "ErrorInternalServerError" in lost[0][2]
    given.side_effect = [error, error]
    with pytest.raises(Transient, match="ErrorInternalServerError"):
        deliver_again(context, {ANNA: [LATE, other]})
