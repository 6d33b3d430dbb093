"""The two sides of a copy (Origin, Destination), and the values that pass between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mailmove.items.content import NONE, lack_of_base64
from mailmove.items.folder_path import FolderPath
from mailmove.items.identity import Holds
from mailmove.items.item import Item

Kind = Literal["message", "event", "contact", "other"]
"""What a folder holds. other: tasks, notes, journal entries; Graph itself has no folders for them, the import has."""
Way = Literal["exported", "written", "converted"]
"""How an item goes. exported: as the old server's own stream. written: as a stream that we write from its properties.
converted: as MIME or JSON, of which Graph makes an item."""


@dataclass(frozen=True)
class SourceFolder:
    """A folder of the old server. path: names from the top down. well_known: its name in EWS, if any.

    folder_class: 'IPF.Task'; "": the server does not say.
    """

    id: str
    path: FolderPath
    kind: Kind
    well_known: str | None = None
    count: int = 0
    parent: SourceFolder | None = None
    folder_class: str = ""

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path[-1]


@dataclass(frozen=True)
class Content:
    """One item with its content. Exactly one of these is set.

    mime: RFC 5322 (of an event: iCalendar) in base64. stream: as ExportItems gives it, in base64. fields: a contact, as
    Graph names its properties. missing: why the old server does not give it. without: parts that it lacks, in words.
    """

    item: Item
    mime: str | None = None
    stream: str | None = None
    fields: dict[str, object] | None = None
    missing: str | None = None
    without: tuple[str, ...] = ()

    @property
    def lack(self) -> str:
        """Why there is nothing to be stored; "": there is. What is empty or cannot be read is no content."""
        if self.missing is not None:
            return self.missing or NONE
        if self.stream is not None:
            return "" if self.stream else NONE
        if self.item.kind == "contact":
            return "" if self.fields and any(self.fields.values()) else NONE
        return lack_of_base64(self.mime)

    @property
    def weight(self) -> int:
        """Approximate bytes on the wire."""
        return len(self.mime or self.stream or "") + 500


@dataclass(frozen=True)
class Outcome:
    """The result of sending one item.

    stored: at the target. refused: permanently, `why` says it. unsent: not at the target, send it again after `wait`
    seconds. unknown: the answer was lost; search the target before it is sent again. busy: the target takes nothing at
    all now, so the item is not to blame. without: parts of the item that the target has no place for.
    """

    state: Literal["stored", "refused", "unsent", "unknown"]
    why: str = ""
    wait: float = 0.0
    busy: bool = False
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotCopied:
    """A folder that could not be read or written, for all tries; path (): the mailbox as a whole. why: the words."""

    path: FolderPath
    why: str
    folder_id: str = ""


@dataclass
class Moved:
    """Counts of a mailbox's copy: final if `over`, so far if not.

    already_present: at the target before, by an earlier run or another way. left: items that were not copied, each
    with the reason. reduced: items that were copied without a part of them, which is named. not_copied: folders, or the
    mailbox. by_way: what was stored, in this run and those before it: (way, class of item) -> count.
    """

    mailbox: str
    copied: int = 0
    already_present: int = 0
    left: list[tuple[Item, str]] = field(default_factory=list)
    reduced: list[tuple[Item, str]] = field(default_factory=list)
    not_copied: list[NotCopied] = field(default_factory=list)
    by_way: Counter[tuple[Way, str]] = field(default_factory=Counter)
    over: bool = False


@dataclass(frozen=True)
class Present:
    """An item of the target: the name by which a copy is known, its identity, and what it holds."""

    name: str
    identity: str
    holds: Holds


class Origin(ABC):
    """The old server, as the copy reads it. Blocking calls, safe for threads; errors of `mailmove.errors`."""

    @abstractmethod
    def folders(self, mailbox: str) -> list[SourceFolder]:
        """Every folder that may hold something to copy, parents first."""

    @abstractmethod
    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        """The folder's items, oldest first, page by page."""

    @abstractmethod
    def best_way(self, mailbox: str) -> Way:
        """exported: the server has ExportItems. written: it shows the properties of which a stream is written."""

    @abstractmethod
    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        """In the order asked for. An item that is gone or cannot be read has `missing`."""


class Destination(ABC):
    """The target mailbox, as the copy writes it. Blocking calls, safe for threads; errors of `mailmove.errors`."""

    @abstractmethod
    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        """Id of the target's folder for these items; it and its parents are created where they are missing."""

    @abstractmethod
    def present(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        """Every item in the folder: its name (`identity.known_name` of the original), and what it holds.

        Of a folder of messages, events or contacts, only those; the others by `strangers`.
        """

    @abstractmethod
    def strangers(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        """Items in the folder that are of another kind than the folder, and came as streams."""

    @abstractmethod
    def copies(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], *, streams: bool
    ) -> list[int]:
        """Count of items in the folder (None: of messages in the whole mailbox) that have the name of each of these of
        the source (`identity.known_name`); read from the server at each call."""

    @abstractmethod
    def takes_streams(self, mailbox: str) -> bool:
        """Can the target import whole items, as streams?"""

    @abstractmethod
    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        """Store new items; one outcome for each, in order. A lost answer is an outcome, not an exception."""
