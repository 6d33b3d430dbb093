"""What a copy knows of one folder while it is at it."""

from __future__ import annotations

from collections import Counter

from mailmove.items.copy.interfaces import SourceFolder
from mailmove.items.item import Item


class FolderWork:
    """State of one folder's copy.

    settled: count of each name that has arrived for certain. everywhere: messages are searched for in the whole
    mailbox. postponed: items whose name was in flight already. claimed: names sent or in doubt.
    """

    def __init__(self, folder: SourceFolder, folder_id: str, *, everywhere: bool = False) -> None:
        self.folder, self.id, self.everywhere = folder, folder_id, everywhere
        self.settled: Counter[int] = Counter()
        self.doubtful: list[Item] = []
        self.postponed: list[Item] = []
        self.claimed: set[int] = set()
        self.just_found: set[str] = set()
        self.last_loss = float("-inf")
        self.last_words = "no answer"
