"""Users of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from pydantic import SecretStr

from mailmove.tenant_state import Licence


class TenantUsers(ABC):
    """Licences and passwords. A user is named by SMTP address. Blocked: there is no such user."""

    @abstractmethod
    def licences(self) -> list[Licence]:
        """What the tenant owns, and how many are free."""

    @abstractmethod
    def licence_of(self, user: str) -> tuple[str | None, frozenset[str]]:
        """(usage location, skuPartNumbers assigned) of a user."""

    @abstractmethod
    def set_licence(self, user: str, usage_location: str | None, skus: frozenset[str]) -> None:
        """Make usage location and licences exactly so; None leaves the location as it is.

        Blocked: the tenant does not own a SKU, or none is free.
        """

    @abstractmethod
    def password_dates(self, user: str) -> tuple[datetime, datetime]:
        """(created, password last changed) of a user, in UTC."""

    @abstractmethod
    def set_password(self, user: str, password: SecretStr, *, must_change: bool) -> None:
        """Set a password. must_change: at the next sign-in. It cannot be read back but by `password_dates`."""
