"""Graph's mailbox export: items come out whole, as streams, so that they can be held against the source's.

Sources: learn.microsoft.com/graph/api/mailbox-exportitems ("up to 20 items"), graph/api/resources/exportitemresponse.
The parameter is ItemIds in Graph's metadata; the page's example writes itemIds. Permissions: MailboxItem.Export.All or
MailboxItem.ImportExport.All; global cloud only. Unverified: that it takes the id that Graph gives a message in
`/messages` (`docs/unverified.md`).
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

from blocks.microsoft365.answers import Json, damaged
from blocks.microsoft365.fields import part_or, rows, text, text_or
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.item_import import Importer
from mailmove.items.copy.batches import cut
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item

WHO = "Exchange Online's mailbox export"
MOST = 20
"""Items in a request."""
_BYTES = 32 * 1024 * 1024
"""Of their sizes together; an item that is larger goes alone."""


class Exporter:
    """importer: knows the mailboxes' ids."""

    def __init__(self, graph: JsonClient, importer: Importer) -> None:
        self._graph, self._importer = graph, importer

    def contents(self, mailbox: str, items: Sequence[Item]) -> list[Content]:
        """In the order asked for. `missing`: the service does not give this one, in its words."""
        portions = cut(items, lambda item: item.size or 0, MOST, _BYTES)
        return [content for some in portions for content in self._some(mailbox, some)]

    def _some(self, mailbox: str, items: Sequence[Item]) -> list[Content]:
        wanted = f"the content of {len(items)} items of {mailbox}"
        path = f"{self._importer.box(mailbox)}/exportItems"
        asked = {"ItemIds": [item.id for item in items]}
        body = self._graph.call("POST", path, wanted=wanted, json=asked, repeatable=True).body
        if not isinstance(body, dict):
            raise damaged(WHO, wanted, "an answer that is no object")
        answers = {text(row, "itemId"): row for row in rows(body, "value")}
        return [_content(item, answers.get(item.id)) for item in items]


def _content(item: Item, row: Json | None) -> Content:
    if row is None:
        return Content(item, missing="no answer for this item")
    if error := part_or(row, "error"):
        return Content(item, missing=f"{text_or(error, 'code')} {text_or(error, 'message')}".strip())
    data = text_or(row, "data")
    try:
        content = binascii.a2b_base64(data, strict_mode=True) if data else b""
    except ValueError:
        return Content(item, missing="data that is no base64")
    return Content(item, stream=data) if content else Content(item, missing="success, and no data")
