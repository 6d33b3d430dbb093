"""What people of a tenant meet when they sign in, and the pass that lets them in the first time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from pydantic import SecretStr

from mailmove.tenant_state import SignInRules


class TenantSignIns(ABC):
    """Rules of signing in, and Temporary Access Passes. A user is named by SMTP address."""

    @abstractmethod
    def rules(self) -> SignInRules:
        """What the tenant shows. What it does not show us is in `unseen`, and is not absent."""

    @abstractmethod
    def pass_rules(self) -> SignInRules:
        """As `rules`, but only `passes` is asked for."""

    @abstractmethod
    def pass_of(self, user: str) -> str | None:
        """Id of the access pass that a user has; None: none. The pass itself is never shown again."""

    @abstractmethod
    def give_pass(self, user: str, start: datetime, minutes: int, *, once: bool) -> tuple[str, SecretStr]:
        """Make one: (its id, the pass). Not idempotent: a user who has one is refused. Blocked: it is not allowed."""

    @abstractmethod
    def take_pass(self, user: str, pass_id: str) -> None:
        """Take it away; one that is gone is no error."""
