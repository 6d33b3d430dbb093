"""Changes in a mailbox since a known state, folder by folder: what each side must offer to reconcile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mailmove.items.folder_path import FolderPath, placed, shown
from mailmove.items.item import Item

Standing = Literal["live", "deleted", "recoverable"]
"""State of a folder. live: shown to people. deleted: Deleted Items and below. recoverable: emptied from there."""


Side = Literal["source", "target"]


class StateLost(Exception):
    """The server no longer knows this state; read the folder from its beginning (state None)."""


@dataclass(frozen=True)
class Folder:
    """A folder of one side.

    id: the server's. path: names from the top down. place: a key, the same for the same folder on both sides, whatever
    its language: 'inbox/projects'; it is compared and never taken apart.
    """

    id: str
    path: FolderPath
    place: str
    standing: Standing = "live"


@dataclass(frozen=True)
class Unreadable:
    """An item that its server does not give out, however often it is asked for. It is there; nobody can say what it is.

    id: the server's; "": it does not even say that. named: what is known of it, for people. why: the server's words.
    """

    kind: str
    named: str
    why: str
    id: str = ""


@dataclass(frozen=True)
class Page:
    """A page of changes. state: where to continue after this page. last: no page follows.

    whole: the server keeps no state; all pages together are the folder as it is now. unreadable: items that are there,
    beside those in `items`, and that are not counted as equal to anything.
    """

    items: list[Item]
    removed: list[str] = field(default_factory=list)
    state: str | None = None
    last: bool = True
    whole: bool = False
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True)
class Unread:
    """What of a mailbox could not be read, for all tries; the rest of it was.

    path: () for the mailbox as a whole. folder_id, place: of the folder. item: what is known of a single item that
    could not be read; "": the folder as a whole could not. why: the server's words. passing: by an error that may pass.
    """

    side: Side
    path: FolderPath
    why: str
    folder_id: str = ""
    place: str = ""
    passing: bool = False
    item: str = ""

    @property
    def kind(self) -> Literal["mailbox", "folder", "item"]:
        return "item" if self.item else "folder" if self.path else "mailbox"

    def __str__(self) -> str:
        where = "the old server" if self.side == "source" else "Microsoft 365"
        what = f"{self.item} " if self.item else f"folder {shown(self.path)} " if self.path else ""
        return f"{what}could not be read at {where}: {self.why}"


class MailboxChanges(ABC):
    """One side's changes. Blocking calls; errors of `mailmove.errors`. Pages may repeat, and items in two pages."""

    @abstractmethod
    def folders(self, mailbox: str) -> list[Folder]:
        """Every folder that holds items; at the target, Recoverable Items is one of them."""

    @abstractmethod
    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        """Pages from `state` on; None: from the beginning. StateLost: the server no longer knows the state."""


def place_of(kind: str, path: FolderPath, well_known: Mapping[FolderPath, str]) -> str:
    """The place of a folder. well_known: path -> Graph's well-known name, of those folders that have one.

    Graph shows calendars beside each other, and contact folders below the default one, so these go by their last name.
    """
    if path in well_known:
        return well_known[path]
    if kind in ("event", "contact"):
        return f"{kind}:{placed(path[-1:])}"
    above = place_of(kind, path[:-1], well_known) if path[1:] else ""
    return f"{above}/{placed(path[-1:])}"
