"""The same Message-ID twice, and the mover dies: each of the two arrives, once, although they look alike from afar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from mailmove.items.copy.checkpoint import Checkpoint, MemoryJournal
from mailmove.items.copy.interfaces import Content, Destination, Moved, Origin, Outcome, Present, SourceFolder, Way
from mailmove.items.copy.mailbox import MailboxCopy, Manners
from mailmove.items.identity import holds
from mailmove.items.item import Item

ANNA = "anna@northwind.example"
INBOX = SourceFolder("inbox", ("Inbox",), "message", count=2)
TWINS = [Item(id=one, folder=("Inbox",), kind="message", message_id="<same@x>") for one in ("first", "second")]


class Killed(BaseException):
    """As kill -9: nothing that comes after it is done."""


class Old(Origin):
    def folders(self, mailbox: str) -> list[SourceFolder]:
        return [INBOX]

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        yield from TWINS

    def best_way(self, mailbox: str) -> Way:
        return "converted"

    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        return [Content(item, mime="VG86IHhAeA0KDQo=") for item in items]


class New(Destination):
    """fate of each thing sent, in turn: 'before' or 'after' it is stored the mover dies; 'lost': only the answer is;
    'nothing': neither it nor an answer arrives."""

    def __init__(self) -> None:
        self.stored, self.fate = list[str](), list[str]()

    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        return "inbox"

    def present(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        twin = TWINS[0]
        yield from (Present(twin.identity, twin.identity, holds(twin)) for _ in self.stored)

    def strangers(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        return iter(())

    def copies(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], *, streams: bool
    ) -> list[int]:
        return [len(self.stored) for _ in items]

    def takes_streams(self, mailbox: str) -> bool:
        return False

    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        outcomes = []
        for content in contents:
            fate = self.fate.pop(0) if self.fate else "well"
            if fate == "before":
                raise Killed
            if fate != "nothing":
                self.stored.append(content.item.id)
            if fate == "after":
                raise Killed
            outcomes.append(Outcome("stored" if fate == "well" else "unknown"))
        return outcomes


@pytest.mark.parametrize("fate", ["before", "after", "lost", "nothing"])
@pytest.mark.parametrize("then", ["before", "after", "lost", "nothing", "well"])
@pytest.mark.parametrize("at_last", ["before", "after", "lost", "well"])
def test_each_arrives_once(fate: str, then: str, at_last: str) -> None:
    new, journal = New(), MemoryJournal()
    new.fate = [fate, then, at_last]
    for _ in range(5):
        copy = MailboxCopy(
            Moved(ANNA), Old(), new, Checkpoint(journal), Manners(settle=0), sleep=lambda _: None, clock=lambda: 0.0
        )
        try:
            moved = copy.run()
        except Killed:
            continue
        assert (moved.copied + moved.already_present, moved.left) == (2, [])
        break
    assert sorted(new.stored) == ["first", "second"]
