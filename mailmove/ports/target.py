"""The customer's Microsoft 365."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from pydantic import SecretStr

from mailmove.evidence import Finding
from mailmove.inventory.full import Grant
from mailmove.items.copy.interfaces import Destination
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import MailboxChanges
from mailmove.ports.clock import HasClock
from mailmove.ports.source import HoldsMessages, SourceServer
from mailmove.records import RRset
from mailmove.tenant_state import (
    Domain,
    Endpoint,
    Licence,
    MailboxKind,
    MigrationBatch,
    MigrationUser,
    Recipient,
    SkippedItem,
    TraceEntry,
)


class Tenant(HasClock):
    """The customer's Microsoft 365: directory, Exchange Online and its migration service."""

    @abstractmethod
    def domain(self, name: str) -> Domain | None:
        """The domain as the tenant knows it, with the records it asks for; None: not added."""

    @abstractmethod
    def add_domain(self, name: str) -> Domain:
        """Add it, unverified."""

    @abstractmethod
    def verify_domain(self, name: str) -> Domain:
        """NotYet: Microsoft does not see the TXT record yet."""

    @abstractmethod
    def enable_mail(self, name: str) -> Domain:
        """Ask for mail service; afterwards `service_records` holds MX, SPF and autodiscover."""

    @abstractmethod
    def remove_domain(self, name: str) -> None:
        """Blocked: something in the tenant still uses it."""

    @abstractmethod
    def dkim_records(self, domain: str) -> tuple[RRset, ...]:
        """The CNAMEs under which the tenant's DKIM keys are to be found; (): nothing is prepared."""

    @abstractmethod
    def prepare_dkim(self, domain: str) -> tuple[RRset, ...]:
        """Have the keys made, and return their CNAMEs; nothing is signed yet. It cannot be removed, only left off."""

    @abstractmethod
    def dkim_signing(self, domain: str) -> bool:
        """Is mail from the domain signed in the domain's name?"""

    @abstractmethod
    def set_dkim_signing(self, domain: str, on: bool) -> None:
        """NotYet: Microsoft does not see the CNAMEs yet."""

    @abstractmethod
    def endpoint(self, name: str) -> Endpoint | None: ...

    @abstractmethod
    def test_endpoint(self, name: str) -> None:
        """Have Microsoft connect by an endpoint that exists. Blocked: it cannot; `seen` says why."""

    @abstractmethod
    def create_endpoint(self, endpoint: Endpoint, source: SourceServer) -> Endpoint:
        """Make a migration endpoint; the source's own account is used.

        Microsoft is asked first whether it can reach the server. Blocked: it cannot.
        """

    @abstractmethod
    def remove_endpoint(self, name: str) -> None: ...

    @abstractmethod
    def batch(self, name: str) -> MigrationBatch | None: ...

    @abstractmethod
    def create_batch(self, name: str, endpoint: str) -> MigrationBatch:
        """Make a cutover batch, not started. Blocked: another cutover batch exists."""

    @abstractmethod
    def start_batch(self, name: str) -> None:
        """Start it, or start failed users again."""

    @abstractmethod
    def sync_batch_now(self, name: str) -> None:
        """Ask for an incremental sync at once instead of the daily cycle."""

    @abstractmethod
    def remove_batch(self, name: str) -> None: ...

    @abstractmethod
    def migration_users(self, batch: str) -> list[MigrationUser]: ...

    @abstractmethod
    def skipped_items(self, user: str) -> list[SkippedItem]:
        """What the migration service left out of a mailbox (SMTP address), by name."""

    @abstractmethod
    def recipients(self) -> list[Recipient]:
        """Everybody and everything that holds an address in the tenant, users without a mailbox included."""

    @abstractmethod
    def directory_sync(self) -> bool:
        """Are users synchronised from a directory on premises?"""

    @abstractmethod
    def x500_addresses(self) -> dict[str, frozenset[str]]:
        """Primary SMTP address -> X500 addresses without the prefix, for every mailbox in the tenant."""

    @abstractmethod
    def change_x500(self, mailbox: str, *, add: frozenset[str], remove: frozenset[str]) -> None: ...

    @abstractmethod
    def grants(self, mailboxes: Sequence[str]) -> list[Grant]:
        """Who may open these mailboxes, send as them or on their behalf; the owners' own rights are left out."""

    @abstractmethod
    def give(self, grant: Grant) -> None:
        """`grant.trustee` is an SMTP address."""

    @abstractmethod
    def take(self, grant: Grant) -> None:
        """The opposite of `give`; what is not given is no error."""

    @abstractmethod
    def password_dates(self, user: str) -> tuple[datetime, datetime]:
        """(made, password last changed) of a user by SMTP address."""

    @abstractmethod
    def set_password(self, user: str, password: SecretStr, *, must_change: bool) -> None:
        """must_change: at the next sign-in. It cannot be read back but by `password_dates`."""

    @abstractmethod
    def mailbox_kinds(self) -> dict[str, MailboxKind]:
        """Primary SMTP address -> kind, for every mailbox in the tenant."""

    @abstractmethod
    def set_mailbox_kind(self, mailbox: str, kind: MailboxKind) -> None: ...

    @abstractmethod
    def licences(self) -> list[Licence]:
        """What the tenant owns, and how many are free."""

    @abstractmethod
    def licence_of(self, user: str) -> tuple[str | None, frozenset[str]]:
        """(usage location, skuPartNumbers assigned) of a user by SMTP address."""

    @abstractmethod
    def set_licence(self, user: str, usage_location: str | None, skus: frozenset[str]) -> None:
        """Make usage location and licences exactly so."""

    @abstractmethod
    def items(self, mailbox: str) -> Iterator[Item]:
        """Every item of a mailbox, all folders."""

    @abstractmethod
    def item_changes(self) -> MailboxChanges:
        """The same, so that a second look costs only what has changed; with what its user has deleted."""

    @abstractmethod
    def message_traces(self, since: datetime) -> list[TraceEntry]:
        """Messages that reached the tenant since then, oldest first."""


class ItemDestination(ABC):
    """A tenant whose mailboxes take items from us."""

    @abstractmethod
    def destination(self) -> Destination: ...

    @abstractmethod
    def copy_findings(self) -> list[Finding]:
        """Rights that a copy of our own needs, and that we were not given."""


class GivesMessages(HoldsMessages):
    """One that also tells what came to it lately, and gives it out."""

    @abstractmethod
    def messages_since(self, mailbox: str, since: datetime) -> Iterator[Item]:
        """Messages that were received at or after this moment, in all folders."""

    @abstractmethod
    def message_content(self, mailbox: str, item_id: str) -> bytes:
        """A message as RFC 5322 bytes. Refused: we lack the right."""


class TakesSignIn(ABC):
    """A block as which a person can sign in, with a code that they type in a browser."""

    @abstractmethod
    def sign_in(self, show: Callable[[str], None]) -> str:
        """`show` is given the words for the person; then wait. Returns who signed in; the block holds what they left,
        and must be saved. NotYet: nobody came. Refused: they said no, or the application may not ask so."""
