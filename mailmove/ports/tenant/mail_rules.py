"""How a tenant judges the mail that comes to it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.tenant_state import MailRules


class TenantMailRules(ABC):
    """Direct send, inbound connectors and filters; read only."""

    @abstractmethod
    def read(self) -> MailRules:
        """What the tenant shows of them. What it does not show us is in `unseen`, and is not absent."""
