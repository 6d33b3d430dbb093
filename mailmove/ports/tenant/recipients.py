"""Recipients of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mailmove.tenant_state import MailContact, Recipient


class TenantRecipients(ABC):
    """Everybody and everything that holds an address in the tenant."""

    @abstractmethod
    def all(self) -> list[Recipient]:
        """Every recipient, users without a mailbox included, sorted by address."""

    @abstractmethod
    def members(self, groups: Sequence[str]) -> list[frozenset[str] | None]:
        """Of each distribution group (SMTP address), the primary addresses of its members; None: no such group."""

    @abstractmethod
    def contacts(self) -> list[MailContact]:
        """Every mail contact and mail user."""

    @abstractmethod
    def synchronised(self) -> bool:
        """Are users synchronised from a directory on premises?"""
