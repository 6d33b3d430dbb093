"""What a copy knows of one folder while it is at it."""

from __future__ import annotations

from collections import Counter

from mailmove.items.copy.interfaces import SourceFolder
from mailmove.items.identity import known_name
from mailmove.items.item import Item


class FolderWork:
    """State of one folder's copy.

    settled: count of each name that has arrived for certain. everywhere: messages are searched for in the whole
    mailbox. streams: items arrive as the originals themselves. strangers: of another kind than the folder, so that they
    are compared apart. postponed: items whose name was in flight already. claimed: names sent or in doubt.
    """

    def __init__(self, folder: SourceFolder, folder_id: str, *, streams: bool, everywhere: bool = False) -> None:
        self.folder, self.id, self.streams, self.everywhere = folder, folder_id, streams, everywhere
        self.settled: Counter[int] = Counter()
        self.doubtful: list[Item] = []
        self.postponed: list[Item] = []
        self.strangers: list[Item] = []
        self.claimed: set[int] = set()
        self.just_found: set[str] = set()
        self.last_loss = float("-inf")
        self.last_words = "no answer"

    def name(self, item: Item) -> int:
        """Hash of the name by which a copy of it is known in this folder."""
        return hash(known_name(item, self.streams, self.folder.kind))

    def is_stranger(self, item: Item) -> bool:
        return item.kind != self.folder.kind and self.folder.kind != "other"
