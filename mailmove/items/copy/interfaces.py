"""The two sides of a copy (Origin, Destination), and the values that pass between them."""

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
    """One item with its content. Exactly one of these is set.

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
        """Approximate bytes on the wire."""
        return len(self.mime or self.stream or "") + 500


@dataclass(frozen=True)
class Outcome:
    """The result of sending one item.

    stored: at the target. refused: permanently, `why` says it. unsent: not at the target, send it again after `wait`
    seconds. unknown: the answer was lost; search the target before it is sent again.
    """

    state: Literal["stored", "refused", "unsent", "unknown"]
    why: str = ""
    wait: float = 0.0


@dataclass
class Moved:
    """Counts of a mailbox's copy: final if `over`, so far if not.

    already_present: at the target before, by an earlier run or another way. left: items that were not copied, each
    with the reason.
    """

    mailbox: str
    copied: int = 0
    already_present: int = 0
    left: list[tuple[Item, str]] = field(default_factory=list)
    over: bool = False


class Origin(ABC):
    """The old server, as the copy reads it. Blocking calls, safe for threads; errors of `mailmove.errors`."""

    @abstractmethod
    def folders(self, mailbox: str) -> list[SourceFolder]:
        """Every folder that may hold something to copy, parents first."""

    @abstractmethod
    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        """The folder's items, oldest first, page by page."""

    @abstractmethod
    def gives_streams(self, mailbox: str) -> bool:
        """Can the server export whole items (ExportItems streams)?"""

    @abstractmethod
    def contents(self, mailbox: str, items: Sequence[Item], *, streams: bool) -> list[Content]:
        """In the order asked for. An item that is gone or cannot be read has `missing`."""


class Destination(ABC):
    """The target mailbox, as the copy writes it. Blocking calls, safe for threads; errors of `mailmove.errors`."""

    @abstractmethod
    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        """Id of the target's folder for these items; it and its parents are created where they are missing."""

    @abstractmethod
    def marks(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[str]:
        """For every item in the folder: our mark, or its identity (`Item.identity`) where it has no mark."""

    @abstractmethod
    def copies(self, mailbox: str, folder: SourceFolder, folder_id: str | None, names: Sequence[str]) -> list[int]:
        """Count of items with each of these names in the folder (None: of messages in the whole mailbox); read from
        the server at each call."""

    @abstractmethod
    def takes_streams(self, mailbox: str) -> bool:
        """Can the target import whole items (ExportItems streams)?"""

    @abstractmethod
    def name(self, item: Item) -> str:
        """The name of a copy that is not a stream: our mark where it has one, else its identity."""

    @abstractmethod
    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        """Store new items; one outcome for each, in order. A lost answer is an outcome, not an exception."""
