"""Domains of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.tenant_state import Domain


class TenantDomains(ABC):
    """The tenant's domains. Names without the last dot."""

    @abstractmethod
    def get(self, name: str) -> Domain | None:
        """The domain as the tenant knows it, with the records it asks for; None: not added."""

    @abstractmethod
    def add(self, name: str) -> Domain:
        """Add it, unverified."""

    @abstractmethod
    def verify(self, name: str) -> Domain:
        """Have Microsoft check the TXT record. NotYet: it does not see it. Blocked: another tenant has the domain."""

    @abstractmethod
    def enable_mail(self, name: str) -> Domain:
        """Ask for mail service; afterwards `service_records` holds MX, SPF and autodiscover."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove it; one that is not there is no error. Blocked: something in the tenant still uses it."""
