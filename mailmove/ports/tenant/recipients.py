"""Recipients of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.tenant_state import Recipient


class TenantRecipients(ABC):
    """Everybody and everything that holds an address in the tenant."""

    @abstractmethod
    def all(self) -> list[Recipient]:
        """Every recipient, users without a mailbox included, sorted by address."""

    @abstractmethod
    def synchronised(self) -> bool:
        """Are users synchronised from a directory on premises?"""
