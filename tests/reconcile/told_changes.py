"""A side that tells what a test says, page by page, as the servers do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, StateLost


def a_folder(place: str) -> Folder:
    standing = {"deleteditems": "deleted", "recoverableitemsdeletions": "recoverable"}.get(place, "live")
    return Folder(id=f"id of {place}", path=(place.title(),), place=place, standing=standing)  # type: ignore[arg-type]


def an_item(place: str, identity: str, name: str | None, kind: str = "message") -> Item:
    message_id = name if kind == "message" else None
    key = "" if kind == "message" or name is None else f"{kind}|{name}"
    return Item(
        id=identity, folder=(place.title(),), kind=kind, message_id=message_id, key=key, subject=f"About {name}"
    )


@dataclass
class Told(MailboxChanges):
    """Folders by place; `items` are what they hold now. A state is "<round>:<what was given>"."""

    items: list[Item]
    places: Sequence[str]
    page: int = 3
    whole: Sequence[str] = ()
    replays: bool = False
    known: dict[str, frozenset[str]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    given: int = 0
    dies_after: int | None = None

    def folders(self, mailbox: str) -> list[Folder]:
        return [a_folder(place) for place in self.places]

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        self.asked.append((folder.place, state))
        if state is not None and state not in self.known:
            raise StateLost
        now = [item for item in self.items if item.folder == folder.path]
        if folder.place in self.whole:
            for start in range(0, max(1, len(now)), self.page):
                yield Page(now[start : start + self.page], last=start + self.page >= len(now), whole=True)
            return
        before = self.known.get(state or "", frozenset())
        new = [item for item in now if item.id not in before]
        gone = sorted(before - {item.id for item in now})
        while True:
            if self.dies_after is not None:
                self.dies_after -= 1
                if self.dies_after < 0:
                    raise Died
            some, new = new[: self.page], new[self.page :]
            before = before.union(item.id for item in some) - set(gone)
            self.given += len(some)
            token = f"{folder.place}:{len(self.known)}"
            self.known[token] = before
            yield Page([*some, *(now[:1] if self.replays and before else [])], gone, token, last=not new)
            gone = []
            if not new:
                return


class Died(BaseException):
    """kill -9, as a test can play it."""
