"""Items of a tenant's mailboxes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.evidence import Finding
from mailmove.items.copy.interfaces import Destination
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
    def copy_findings(self) -> list[Finding]:
        """Rights that a copy of our own needs, and that we were not given."""
