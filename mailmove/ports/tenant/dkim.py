"""DKIM signing of a tenant's mail."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.records import RRset


class TenantDkim(ABC):
    """Signing of mail in the name of a domain (RFC 6376)."""

    @abstractmethod
    def records(self, domain: str) -> tuple[RRset, ...]:
        """The CNAMEs under which the tenant's DKIM keys are to be found; (): nothing is prepared."""

    @abstractmethod
    def prepare(self, domain: str) -> tuple[RRset, ...]:
        """Have the keys made, and return their CNAMEs; nothing is signed yet. It cannot be removed, only left off."""

    @abstractmethod
    def signing(self, domain: str) -> bool:
        """Is mail from the domain signed in the domain's name?"""

    @abstractmethod
    def set_signing(self, domain: str, on: bool) -> None:
        """Switch signing on or off. NotYet: Microsoft does not see the CNAMEs yet. Blocked: nothing is prepared."""
