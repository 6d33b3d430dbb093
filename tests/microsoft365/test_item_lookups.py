"""Items looked for by twenty in a request: one on which Graph fails keeps no other from being told."""

from __future__ import annotations

import json
import ssl
from typing import Any

import httpx
import pytest

from blocks.microsoft365.answers import MailboxClosed
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.item_destination import GraphDestination
from blocks.microsoft365.items.item_import import Importer
from blocks.microsoft365.items.item_requests import outcome_of
from mailmove.errors import Transient
from mailmove.items.copy.interfaces import SourceFolder
from mailmove.items.copy.rate_limits import UNLIMITED
from mailmove.items.item import Item

TLS = ssl.create_default_context()
INBOX = SourceFolder(id="f", path=("Inbox",), kind="message", well_known="inbox")


def item(name: str) -> Item:
    return Item(id=name, folder=("Inbox",), kind="message", message_id=f"<{name}@c.example>", subject=name)


class Batches:
    """A batch of which each request after a failed one is not carried out (424)."""

    def __init__(self, failing: dict[str, int]) -> None:
        self.failing, self.answered = failing, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        responses: list[dict[str, Any]] = []
        failed = False
        for asked in json.loads(request.content)["requests"]:
            name = next(name for name in ("bad", "good", "fine") if name in asked["url"])
            status = 424 if failed else self.failing.get(name, 200)
            failed = failed or status != 200
            body = {"value": [{"id": name}]} if status == 200 else {"error": {"code": "InternalServerError"}}
            responses.append({"id": asked["id"], "status": status, "headers": {}, "body": body})
            self.answered += [name] if status == 200 else []
        return httpx.Response(200, json={"responses": responses})


def destination(batches: Batches) -> GraphDestination:
    graph = JsonClient(
        "Graph", "https://graph.test/v1.0", lambda claims: "t", TLS, sleep=lambda seconds: None,
        transport=httpx.MockTransport(batches),
    )  # fmt: skip
    return GraphDestination(graph, imports=lambda: False, importer=Importer(graph, TLS), limits=UNLIMITED)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("status", [500, 404])
def test_an_item_that_always_fails_ends_and_is_the_last(status: int) -> None:
    batches = Batches({"bad": status})
    with pytest.raises(Transient, match=str(status)):
        destination(batches).copies("a@c.example", INBOX, "f", [item("bad"), item("good"), item("fine")], streams=False)
    assert set(batches.answered) == {"good", "fine"}


def test_a_mailbox_that_is_not_opened_is_told_so() -> None:
    error = {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": "inactive"}}
    with pytest.raises(MailboxClosed):
        outcome_of(404, {}, error, "an item")


@pytest.mark.parametrize("body", [None, "", "<html>", [], {}, {"id": ""}])
def test_a_success_without_what_it_made_is_no_success(body: Any) -> None:
    assert outcome_of(201, {}, body, "an item").state == "unknown"
    assert outcome_of(201, {}, {"id": "x"}, "an item").state == "stored"
