"""Two servers in memory: an old one of which folders and items fail as told, a new one that takes what a test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mailmove.errors import MailmoveError
from mailmove.items.copy.interfaces import Content, Destination, Origin, Outcome, Present, SourceFolder, Way
from mailmove.items.identity import holds, known_name
from mailmove.items.item import Item

MIME = "VG86IHhAeA0KDQo="
STORED = Outcome("stored")


def an_item(identity: str, folder: str = "Inbox") -> Item:
    return Item(id=identity, folder=(folder,), kind="message", message_id=f"<{identity}@x>", subject=identity)


@dataclass
class Old(Origin):
    """mailboxes: address -> folder name -> items. broken: what fails (address, folder or item id), with its error."""

    mailboxes: dict[str, dict[str, list[Item]]]
    broken: dict[str, MailmoveError] = field(default_factory=dict)
    passing: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    looks: Counter[str] = field(default_factory=Counter)

    def _fail(self, name: str) -> None:
        if name not in self.broken:
            return
        if name in self.passing:
            self.passing[name] -= 1
            if self.passing[name] < 0:
                return
        raise self.broken[name]

    def folders(self, mailbox: str) -> list[SourceFolder]:
        self._fail(mailbox)
        self.looks[mailbox] += 1
        return [
            SourceFolder(f"id of {name}", (name,), "message", count=len(items))
            for name, items in self.mailboxes[mailbox].items()
            if not (name in self.gone and self.looks[mailbox] > 1)
        ]

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        self._fail(folder.name)
        yield from self.mailboxes[mailbox][folder.name]

    def best_way(self, mailbox: str) -> Way:
        return "converted"

    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        for item in items:
            self._fail(item.id)
        return [Content(item, mime=MIME) for item in items]


@dataclass
class New(Destination):
    """fate: what becomes of an item that is sent."""

    fate: Callable[[Item], Outcome] = lambda _: STORED
    stored: list[tuple[str, Item]] = field(default_factory=list)
    broken: dict[str, MailmoveError] = field(default_factory=dict)

    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        if folder.name in self.broken:
            raise self.broken[folder.name]
        return folder.name

    def present(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        for address, item in list(self.stored):
            if (address, item.folder) == (mailbox, folder.path):
                yield Present(known_name(item, False), item.identity, holds(item))

    def strangers(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        return iter(())

    def copies(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], *, streams: bool
    ) -> list[int]:
        names = Counter(known_name(item, streams) for address, item in self.stored if address == mailbox)
        return [names[known_name(item, streams)] for item in items]

    def takes_streams(self, mailbox: str) -> bool:
        return False

    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        outcomes = [self.fate(content.item) for content in contents]
        self.stored += [
            (mailbox, content.item)
            for content, outcome in zip(contents, outcomes, strict=True)
            if outcome.state == "stored"
        ]
        return outcomes

    def held(self) -> list[str]:
        return sorted(item.id for _, item in self.stored)
