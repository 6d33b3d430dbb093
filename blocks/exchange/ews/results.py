"""What reading contents has come to so far, item by item."""

from __future__ import annotations

from blocks.exchange.ews.answers import ResponseMessage
from blocks.exchange.ews.response_codes import GONE, OF_ITEM
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item

GONE_WORDS = "it is gone from the old server"


class Results:
    """done: by id of the item, what was answered for good. reasons: why there is nothing yet, in the server's words."""

    def __init__(self, done: dict[str, Content] | None = None, reasons: dict[str, str] | None = None) -> None:
        self.done, self.reasons = done or {}, reasons or {}

    def add(self, other: Results) -> None:
        self.done |= other.done
        self.reasons |= other.reasons
        self.reasons = {identity: reason for identity, reason in self.reasons.items() if identity not in self.done}

    def of(self, item: Item) -> Content:
        reason = self.reasons.get(item.id, "no answer")
        return self.done.get(item.id) or Content(item, missing=f"the old server does not give it: {reason}")

    def take(self, content: Content) -> None:
        """`missing` is a reason to ask again: the answer says success, and holds no content."""
        if content.missing is None:
            self.done[content.item.id] = content
        else:
            self.reasons[content.item.id] = content.missing

    def refused(self, item: Item, message: ResponseMessage) -> None:
        """For good, or so that it is asked for again."""
        if message.code in GONE:
            self.done[item.id] = Content(item, missing=GONE_WORDS)
        elif message.code in OF_ITEM:
            self.done[item.id] = Content(item, missing=f"the old server cannot give it: {message.words}")
        else:
            self.reasons[item.id] = message.words
