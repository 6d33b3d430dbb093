"""The ports of DNS providers, and of certificate authorities that validate by DNS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from mailmove.evidence import Finding
from mailmove.records import Key, RRsetChange, Zone

if TYPE_CHECKING:  # every flow imports this file, and few runs touch a certificate
    from mailmove.certificates import Challenge, Issued


class DnsProvider(ABC):
    """A provider at which zones are edited. Names are absolute, with the last dot.

    `zone` is a mail domain: the zone is the one that it lies in at the provider, its own or a larger one.
    """

    by_hand: ClassVar[bool] = False
    """True: a person makes the changes; `apply` raises ByHand until the authoritative servers serve them."""

    @abstractmethod
    def read_zone(self, zone: str) -> Zone:
        """Every record set of the zone at the provider but what servers make by themselves. Blocked: no such zone."""

    @abstractmethod
    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """Make all changes, in one transaction where the wire allows.

        A change whose `after` exists already is skipped. Drifted: a set is neither at its `before` nor at its
        `after`; nothing was changed then. TtlRaised: the provider raises TTLs; the old records have been put back.
        Returns when the provider reports that its own servers have it.
        """

    def zone_findings(self, zone: str, also: Sequence[Key] = ()) -> list[Finding]:
        """What would stop `apply` on this zone, as far as that can be tried without changing anything.

        also: sets that will be changed besides those that every cutover changes.
        """
        return []


class CertificateAuthority(ABC):
    """An authority that issues public certificates, validated by DNS (ACME, RFC 8555). An order survives a kill."""

    @abstractmethod
    def earlier_certificate(self, names: Sequence[str]) -> Issued | None:
        """Return the certificate that it issued to us for these names before, if it is valid for some weeks yet."""

    @abstractmethod
    def begin(self, names: Sequence[str]) -> list[Challenge]:
        """Order one, or resume the open order; return the records to publish. []: everything is proved."""

    @abstractmethod
    def finish(self, names: Sequence[str]) -> Issued:
        """Have the proofs checked, and fetch the certificate. Blocked: the authority does not accept them."""
