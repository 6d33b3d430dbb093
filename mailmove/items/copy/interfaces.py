"""The two sides of a copy, and what passes between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mailmove.items.item import Item

Kind = Literal["message", "event", "contact"]


@dataclass(frozen=True)
class SourceFolder:
    """A folder of the old server. path: as people see it, 'Inbox/Projects'. well_known: its name in Graph, if any."""

    id: str
    path: str
    kind: Kind
    well_known: str | None = None
    count: int = 0
    parent: SourceFolder | None = None


@dataclass(frozen=True)
class Content:
    """One item, ready to travel. Exactly one of these is set.

    mime: RFC 5322 (of an event: iCalendar) in base64. stream: what ExportItems gave, in base64. fields: a contact, as
    Graph names its properties. missing: why the old server does not give it.
    """

    item: Item
    mime: str | None = None
    stream: str | None = None
    fields: dict[str, object] | None = None
    missing: str | None = None

    @property
    def weight(self) -> int:
        """Bytes on the wire, about."""
        return len(self.mime or self.stream or "") + 500


@dataclass(frozen=True)
class Outcome:
    """What became of one item that was sent.

    stored: it is there. refused: it never will be, `why` says it. unsent: surely not there, send it again after
    `wait` seconds. unknown: the answer was lost; look before sending it again.
    """

    state: Literal["stored", "refused", "unsent", "unknown"]
    why: str = ""
    wait: float = 0.0


@dataclass
class Moved:
    """What a mailbox's copy came to, or has come to so far, as `over` says.

    left: items that were not copied, each with the reason.
    """

    mailbox: str
    copied: int = 0
    found: int = 0  # there already, by an earlier run or another way
    left: list[tuple[Item, str]] = field(default_factory=list)
    over: bool = False


class Origin(ABC):
    """The old server, read. Blocking calls, safe for threads; errors of `mailmove.errors`."""

    @abstractmethod
    def folders(self, mailbox: str) -> list[SourceFolder]:
        """Every folder that may hold something to copy, parents first."""

    @abstractmethod
    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        """The folder's items, oldest first, page by page."""

    @abstractmethod
    def gives_streams(self, mailbox: str) -> bool:
        """Can it give items whole, as ExportItems streams?"""

    @abstractmethod
    def contents(self, mailbox: str, items: Sequence[Item], *, streams: bool) -> list[Content]:
        """In the order asked for. An item that is gone or cannot be read has `missing`."""


class Destination(ABC):
    """The new mailbox, written to. Blocking calls, safe for threads; errors of `mailmove.errors`."""

    @abstractmethod
    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        """Id of the folder that takes this one's items; made, with those above it, where it is not there."""

    @abstractmethod
    def held(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[str]:
        """Of every item in the folder the mark that it bears, or else its identity (`Item.identity`)."""

    @abstractmethod
    def copies(self, mailbox: str, folder: SourceFolder, folder_id: str | None, names: Sequence[str]) -> list[int]:
        """How many items in the folder (None: messages anywhere in the mailbox) bear each of these names; asked of
        the server, now."""

    @abstractmethod
    def takes_streams(self, mailbox: str) -> bool:
        """Can it take items whole, as ExportItems streams?"""

    @abstractmethod
    def name(self, item: Item) -> str:
        """What a copy that is not a stream is known by: a mark of ours where it bears one, else its identity."""

    @abstractmethod
    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        """Store new items; one outcome each, and no exception for a lost answer."""
