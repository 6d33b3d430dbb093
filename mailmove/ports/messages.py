"""Single messages in the mailboxes of either side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mailmove.items.item import Item


class MessageStore(ABC):
    """Mailboxes in which single messages are looked up and deleted: those of the source, and those of the tenant."""

    @abstractmethod
    def find(self, mailbox: str, message_ids: Sequence[str]) -> list[Item]:
        """Every copy of the messages with these Message-IDs, in all folders; quickly, whatever the mailbox holds."""

    @abstractmethod
    def content(self, mailbox: str, item_id: str) -> bytes:
        """A message as RFC 5322 bytes, never empty. ItemUnreadable: it is not there, or cannot be given, or holds
        nothing; `seen` says why. Refused: we lack the right."""

    @abstractmethod
    def remove(self, mailbox: str, item_id: str) -> None:
        """Delete one item. One that is not there is no error. Refused: we lack the right."""
