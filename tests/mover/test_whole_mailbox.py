"""A mailbox of every class goes whole: tasks, notes and strangers among mail, over lost journals and lost answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailmove.items.copy.batches import LARGEST_IMPORT
from mailmove.items.copy.checkpoint import Checkpoint, FileJournal, Journal, MemoryJournal
from mailmove.items.copy.interfaces import (
    Content,
    Destination,
    Moved,
    Origin,
    Outcome,
    Present,
    SourceFolder,
    Way,
)
from mailmove.items.copy.mailbox import MailboxCopy, Manners
from mailmove.items.identity import holds, stranger_name
from mailmove.items.item import Item
from mailmove.items.item_class import family_of

BOX = "anna@northwind.example"
KINDS = {"IPM.Note": "message", "IPM.Contact": "contact", "IPM.Appointment": "event", "IPM.Task": "task"}
FOLDERS = {
    "Posteingang": ("message", "IPF.Note"), "Gelöschte Elemente": ("message", "IPF.Note"),
    "Kontakte": ("contact", "IPF.Contact"), "Aufgaben": ("other", "IPF.Task"), "Notizen": ("other", "IPF.StickyNote"),
}  # fmt: skip


def an_item(number: int, folder: str, item_class: str, subject: str, size: int = 1000) -> Item:
    kind = KINDS.get(item_class, "other")
    named = f"<{number}@x>" if kind == "message" else None
    return Item(id=str(number), folder=(folder,), kind=kind, item_class=item_class, message_id=named, size=size,
                key=f"{kind}|{subject}|{number}", subject=subject)  # fmt: skip


MAILBOX = [
    an_item(1, "Posteingang", "IPM.Note", "Hallo"), an_item(2, "Posteingang", "IPM.Post", "Notiz"),
    an_item(3, "Gelöschte Elemente", "IPM.Contact", "Berta"), an_item(4, "Gelöschte Elemente", "IPM.Task", "alt"),
    an_item(5, "Kontakte", "IPM.Contact", "Anna"), an_item(6, "Kontakte", "IPM.DistList", "Verteiler"),
    an_item(7, "Aufgaben", "IPM.Task", "Müll"), an_item(8, "Aufgaben", "IPM.Task", "Müll"),
    an_item(9, "Aufgaben", "IPM.Task", "Steuer"), an_item(10, "Notizen", "IPM.StickyNote", "Milch"),
]  # fmt: skip


@dataclass
class Old(Origin):
    items_: list[Item] = field(default_factory=lambda: list(MAILBOX))
    way: Way = "written"
    without: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stream: str = "QUJDRA=="
    read: list[str] = field(default_factory=list)

    def folders(self, mailbox: str) -> list[SourceFolder]:
        return [
            SourceFolder(name, (name,), kind, count=9, folder_class=of)  # type: ignore[arg-type]
            for name, (kind, of) in FOLDERS.items()
        ]

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        yield from (item for item in self.items_ if item.folder == folder.path)

    def best_way(self, mailbox: str) -> Way:
        return self.way

    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        self.read += [item.id for item in items]
        if way == "converted":
            return [Content(item, mime="VG86IHhAeA0KDQo=", fields={"a": "b"}) for item in items]
        return [Content(item, stream=self.stream, without=self.without.get(item.id, ())) for item in items]


@dataclass
class New(Destination):
    """As Exchange Online: Graph lists messages, events and contacts in folders of their own kind, the import all."""

    stored: list[tuple[str, Item]] = field(default_factory=list)
    fate: Callable[[Item], Outcome] = lambda item: Outcome("stored")
    imports: bool = True

    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        assert self.imports or folder.kind != "other", "Graph has no such folder"
        return folder.name

    def _in(self, folder: SourceFolder) -> list[Item]:
        return [item for name, item in self.stored if name == folder.name]

    def present(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        if folder.kind == "other":
            yield from self.strangers(mailbox, folder, folder_id)
        for item in self._in(folder):
            if item.kind == folder.kind:
                yield Present(item.identity, item.identity, holds(item))

    def strangers(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        for item in self._in(folder):
            name = stranger_name(item.item_class, item.subject)
            yield Present(name, name, ("", None))

    def copies(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], *, streams: bool
    ) -> list[int]:
        names = Counter(one.name for one in (*self.present(mailbox, folder, ""), *self.strangers(mailbox, folder, "")))
        if folder.kind == "other":
            names = Counter(one.name for one in self.strangers(mailbox, folder, ""))
        shown = [item.kind == folder.kind != "other" for item in items]
        return [
            names[item.identity if own else stranger_name(item.item_class, item.subject)]
            for item, own in zip(items, shown, strict=True)
        ]

    def takes_streams(self, mailbox: str) -> bool:
        return self.imports

    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        outcomes = []
        for content in contents:
            outcome = self.fate(content.item)
            if outcome.state == "stored" or outcome.why == "only the answer was lost":
                self.stored.append((folder_id, content.item))
            outcomes.append(Outcome("stored", without=content.without) if outcome.state == "stored" else outcome)
        return outcomes

    def ids(self) -> list[int]:
        return sorted(int(item.id) for _, item in self.stored)


def copied(old: Old, new: New, journal: Journal | None = None) -> Moved:
    copy = MailboxCopy(Moved(BOX), old, new, Checkpoint(journal or MemoryJournal()), Manners(lanes=1, settle=0.0),
                       sleep=lambda _: None)  # fmt: skip
    return copy.run()


def test_everything_goes_once_and_it_is_said_which_way() -> None:
    old, new = Old(without={"5": ("attachment 'x' (gone)",)}), New()
    moved = copied(old, new)
    assert (new.ids(), moved.left, moved.copied) == (list(range(1, 11)), [], 10)
    assert moved.by_way == Counter(("written", family_of(item.item_class)) for item in MAILBOX)
    assert [(item.id, what) for item, what in moved.reduced] == [("5", "attachment 'x' (gone)")]
    again = copied(old, new)  # without the journal: both sides are compared
    assert (new.ids(), again.copied, again.already_present) == (list(range(1, 11)), 0, 10)


class Killed(BaseException):
    """As kill -9."""


@pytest.mark.parametrize("number", range(1, 11))
@pytest.mark.parametrize("stored", [False, True])
def test_a_kill_at_any_item_makes_none_twice(number: int, stored: bool, tmp_path: Path) -> None:
    new, journal = New(), FileJournal(tmp_path / "journal")

    def kill(item: Item) -> Outcome:
        if int(item.id) == number:
            new.stored += [(item.folder[0], item)] if stored else []
            raise Killed
        return Outcome("stored")

    new.fate = kill
    with pytest.raises(Killed):
        copied(Old(), new, journal)
    journal.close()
    new.fate = lambda item: Outcome("stored")
    moved = copied(Old(), new, FileJournal(tmp_path / "journal"))
    assert new.ids() == list(range(1, 11)) and moved.copied + moved.already_present == 10
    assert sum(moved.by_way.values()) == 10, "of both runs"


def test_a_lost_answer_is_looked_for_and_two_of_one_name_both_arrive() -> None:
    new = New()
    lost = {"2", "6", "7", "10"}

    def fate(item: Item) -> Outcome:
        if item.id not in lost:
            return Outcome("stored")
        lost.discard(item.id)
        return Outcome("unknown", "only the answer was lost" if item.id in "67" else "timeout")

    new.fate = fate
    moved = copied(Old(), new)
    assert new.ids() == list(range(1, 11)) and moved.copied + moved.already_present == 10


def test_an_item_above_the_limit_is_left_with_its_size() -> None:
    huge = an_item(1, "Posteingang", "IPM.Note", "Film", size=120_000_000)
    grows = an_item(2, "Posteingang", "IPM.Note", "Archiv", size=90_000_000)
    old, new = Old([huge, grows]), New()
    old.stream = "A" * (LARGEST_IMPORT + 4)
    moved = copied(old, new)
    assert old.read == ["2"], "nobody downloads what cannot be sent"
    assert [(item.id, why.partition(" bytes")[0]) for item, why in moved.left] == [
        ("1", "120,000,000"), ("2", f"{(LARGEST_IMPORT + 504) * 3 // 4:,}"),
    ]  # fmt: skip
    assert not new.stored


def test_without_the_import_what_graph_makes_is_copied_and_the_rest_is_named() -> None:
    new = New(imports=False)
    moved = copied(Old(), new)
    assert new.ids() == [1, 5] and {way for way, _ in moved.by_way} == {"converted"}
    assert {int(item.id) for item, _ in moved.left} == {2, 3, 4, 6, 7, 8, 9, 10}
