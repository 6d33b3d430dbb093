"""Mailboxes of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.tenant_state import MailboxKind


class TenantMailboxes(ABC):
    """The tenant's mailboxes, by primary SMTP address in lower case."""

    @abstractmethod
    def kinds(self) -> dict[str, MailboxKind]:
        """Address -> kind, for every mailbox in the tenant."""

    @abstractmethod
    def set_kind(self, mailbox: str, kind: MailboxKind) -> None:
        """Convert a mailbox. NotYet: the conversion does not show yet. Blocked: no such mailbox."""

    @abstractmethod
    def x500(self) -> dict[str, frozenset[str]]:
        """Address -> X500 addresses without the prefix, for every mailbox in the tenant."""

    @abstractmethod
    def change_x500(self, mailbox: str, *, add: frozenset[str], remove: frozenset[str]) -> None:
        """Add and remove X500 addresses. NotYet: the change does not show yet. Blocked: no such mailbox."""
