"""Single messages of a tenant."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime

from mailmove.items.item import Item
from mailmove.ports.messages import MessageStore
from mailmove.tenant_state import TraceEntry


class TenantMessages(MessageStore):
    """Messages of the tenant's mailboxes, and the trace of what arrived."""

    @abstractmethod
    def since(self, mailbox: str, moment: datetime) -> Iterator[Item]:
        """Messages that were received at or after this moment, in all folders."""

    @abstractmethod
    def traces(self, since: datetime) -> list[TraceEntry]:
        """Messages that reached the tenant since then, oldest first. Blocked: this cloud has no message traces."""
