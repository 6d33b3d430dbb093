"""Domains of a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.tenant_state import Domain, DomainHolder


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

    @abstractmethod
    def accepts_mail(self, name: str) -> bool:
        """Does Exchange know the domain as one that it takes mail for? Later than the directory says so."""

    @abstractmethod
    def holder(self, name: str) -> DomainHolder:
        """Who has the domain at Microsoft, as anybody may ask. Not seen is in it, and is not `none`."""
