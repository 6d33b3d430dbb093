"""Rights on the mailboxes of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mailmove.inventory.full import Grant


class TenantPermissions(ABC):
    """Who may open a mailbox, send as it or on its behalf. `Grant.trustee` is an SMTP address."""

    @abstractmethod
    def of(self, mailboxes: Sequence[str]) -> list[Grant]:
        """The rights on these mailboxes that were granted by hand; the owners' own rights are left out."""

    @abstractmethod
    def add(self, grant: Grant) -> None:
        """Grant a right. NotYet: it does not show yet."""

    @abstractmethod
    def remove(self, grant: Grant) -> None:
        """Revoke a right; one that is not granted is no error. NotYet: it still shows."""
