"""Lists that are stepped through item by item come to an end."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.microsoft365.answers import ServerFailed
from blocks.microsoft365.items.careful_pages import MOST_IN_A_ROW, CarefulList, CarefulPage
from mailmove.errors import FolderUnreadable

MORE = {"@odata.nextLink": "https://graph.example/again"}


class Body:
    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body


class Graph:
    """Answers what `shown` makes of the place that is asked for. Counts what it was asked."""

    who, patience = "Microsoft Graph", 0.0

    def __init__(self, shown: Any) -> None:
        self.shown, self.asked = shown, 0

    def sleep(self, seconds: float) -> None:
        """Nobody waits here."""

    def call(self, method: str, path: str, *, params: dict[str, str], **_: Any) -> Body:
        self.asked += 1
        assert self.asked < 500, "it asks without end"
        return Body(self.shown(int(params["$skip"]), int(params["$top"])))

    def value_of(self, body: dict[str, Any], wanted: str) -> list[Any]:
        return list(body["value"])


def stepped(graph: Graph) -> list[CarefulPage]:
    careful = CarefulList(graph, "anna@contoso.com", ["Inbox"], lambda: None)  # type: ignore[arg-type]
    return list(careful.pages("messages", {}, "messages", failed=True))


def test_pages_without_items_that_say_that_more_follow_end() -> None:
    graph = Graph(lambda skip, top: {"value": [{"id": str(skip)}][: skip < 3], **MORE})
    with pytest.raises(FolderUnreadable, match="without an item") as caught:
        stepped(graph)
    assert caught.value.folder == ["Inbox"]


def test_broken_items_with_empty_pages_between_them_are_broken_items_in_a_row() -> None:
    def shown(skip: int, top: int) -> dict[str, Any]:
        if graph.asked % 2:
            raise ServerFailed("Graph", wanted="messages", seen="500", todo="Ask again.", status=500)
        return {"value": [], **MORE}

    graph = Graph(shown)
    with pytest.raises(FolderUnreadable):
        stepped(graph)
    assert graph.asked < 20 * MOST_IN_A_ROW


def test_one_empty_page_is_no_end() -> None:
    def shown(skip: int, top: int) -> dict[str, Any]:
        if graph.asked == 1:
            return {"value": [], **MORE}
        return {"value": [{"id": str(place)} for place in range(skip, min(skip + top, 7))]}

    graph = Graph(shown)
    assert [row["id"] for page in stepped(graph) for row in page.rows] == [str(place) for place in range(7)]
