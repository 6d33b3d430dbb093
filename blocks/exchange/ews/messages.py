"""Single messages of the old server's mailboxes, by EWS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from blocks.exchange.ews.client import EwsClient
from mailmove.items.item import Item
from mailmove.ports import MessageStore


class EwsMessages(MessageStore):
    """open_client: a conversation with EWS, for the length of a `with`."""

    def __init__(self, open_client: Callable[[], AbstractContextManager[EwsClient]]) -> None:
        self._open = open_client

    def find(self, mailbox: str, message_ids: Sequence[str]) -> list[Item]:
        with self._open() as ews:
            return list(ews.find(mailbox, message_ids)) if message_ids else []

    def content(self, mailbox: str, item_id: str) -> bytes:
        """An event comes as a message of type text/calendar. ItemUnreadable also: a contact, of Exchange 2007."""
        with self._open() as ews:
            return ews.content(mailbox, item_id)

    def remove(self, mailbox: str, item_id: str) -> None:
        with self._open() as ews:
            ews.remove(mailbox, item_id)
