"""One broken message makes Graph answer 500 to every page that has it. microsoft-graph-docs 2913, contrib 7758."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest
from case_world import ANNA, World, message, world

from lab.cloud.graph.mail import CONVERSION
from lab.mail_store import StoredItem
from mailmove.errors import FolderUnreadable
from mailmove.items.reconcile.changes import Page, Unreadable

NUMBER = 23


def messages(count: int = NUMBER) -> list[StoredItem]:
    return [message(f"m{number:02}", f"Mail {number}", minutes=number) for number in range(count)]


@contextmanager
def copied(items: Sequence[StoredItem]) -> Iterator[World]:
    """The tenant holds them, and the block does not sleep between two tries."""
    with world({ANNA: items}, copied=True) as w:
        w.target._parts().graph.sleep = lambda seconds: None
        yield w


def read(w: World, states: dict[str, str | None] | None = None) -> list[Page]:
    """All pages of the inbox, from a state on."""
    changes = w.target.items.changes()
    [inbox] = [folder for folder in changes.folders(ANNA) if folder.place == "inbox"]
    pages = list(changes.changes(ANNA, inbox, (states or {}).get("inbox")))
    if states is not None and not pages[-1].whole:
        states["inbox"] = pages[-1].state
    return pages


def subjects(pages: Sequence[Page]) -> set[str]:
    return {item.subject for page in pages for item in page.items}


def unreadable(pages: Sequence[Page]) -> list[Unreadable]:
    return [item for page in pages for item in page.unreadable]


def break_items(w: World, *names: str) -> None:
    for item in w.cloud.store.snapshot(ANNA):
        if item.subject in names:
            w.cloud.store.make_sick(ANNA, item.id, CONVERSION)


@pytest.mark.parametrize("broken", [["Mail 7"], ["Mail 0"], [f"Mail {NUMBER - 1}"], ["Mail 3", "Mail 4", "Mail 15"]])
def test_the_broken_one_is_named_and_the_rest_is_read(broken: list[str]) -> None:
    with copied(messages()) as w:
        break_items(w, *broken)
        pages = read(w)
        assert subjects(pages) == {f"Mail {number}" for number in range(NUMBER)} - set(broken)
        assert len(unreadable(pages)) == len(broken)
        assert all(item.kind == "message" and "InternalServerError" in item.why for item in unreadable(pages))
        assert [page.last for page in pages][-1] and all(not page.last for page, _ in pairwise(pages))


def test_a_delta_that_cannot_step_over_it_is_followed_by_the_whole_folder() -> None:
    with copied(messages()) as w:
        states: dict[str, str | None] = {}
        assert len(subjects(read(w, states))) == NUMBER
        assert unreadable(read(w, states)) == []
        w.cloud.store.put(
            ANNA, message("new", "Neu", minutes=99).mime, received=message("new", "Neu", minutes=99).received
        )
        break_items(w, "Neu")
        pages = read(w, states)
        [neu_unread] = unreadable(pages)
        assert neu_unread.named == "message number 24 of Inbox, after 'Mail 22' 2021-03-04T05:28"
        assert len(subjects(pages)) == NUMBER
        [neu] = [item for item in w.cloud.store.snapshot(ANNA) if item.subject == "Neu"]
        w.cloud.store.make_sick(ANNA, neu.id, "")
        assert subjects(read(w, states)) == {"Neu"}, "mended, so tracked again"


def test_a_folder_of_broken_items_only_is_a_folder_that_cannot_be_read() -> None:
    with copied(messages(12)) as w:
        break_items(w, *(f"Mail {number}" for number in range(12)))
        with pytest.raises(FolderUnreadable) as caught:
            read(w)
        assert (caught.value.mailbox, caught.value.folder) == (ANNA, ["Inbox"])


def test_it_is_not_stepped_over_for_ever_while_mail_arrives() -> None:
    """Newest first, each arrival would put the broken one back at the place that is asked for next."""
    with copied(messages()) as w:
        break_items(w, "Mail 7")
        arrived = []

        def while_it_waits(_: float) -> None:
            arrived.append(message(f"late{len(arrived)}", f"Late {len(arrived)}", minutes=100 + len(arrived)))
            assert len(arrived) < 200, "it steps over the same item for ever"
            w.cloud.store.put(ANNA, arrived[-1].mime, received=arrived[-1].received)

        w.target._parts().graph.sleep = while_it_waits
        pages = read(w)
        assert len(unreadable(pages)) == 1
        assert subjects(pages) >= {f"Mail {number}" for number in range(NUMBER)} - {"Mail 7"}
        assert arrived
