"""Items of a tenant's mailboxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mailmove.evidence import Finding
from mailmove.items.copy.interfaces import Content, Destination
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import MailboxChanges


class TenantItems(ABC):
    """All items of the tenant's mailboxes: messages, events and contacts."""

    @abstractmethod
    def changes(self) -> MailboxChanges:
        """Reads every item of a mailbox, and later only what has changed; with what its user has deleted."""

    @abstractmethod
    def destination(self) -> Destination:
        """Where a copy of our own stores items."""

    @abstractmethod
    def exported(self, mailbox: str, items: Sequence[Item]) -> list[Content]:
        """Items whole, as streams, in the order asked for; `missing` says why there is none. items: of `changes`.
        Refused: we were not given the right."""

    @abstractmethod
    def copy_findings(self) -> list[Finding]:
        """Rights that a copy of our own needs, and that we were not given."""
