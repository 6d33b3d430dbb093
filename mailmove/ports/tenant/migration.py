"""Microsoft's migration service in a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.ports.source import SourceServer
from mailmove.tenant_state import Endpoint, MigrationBatch, MigrationUser, SkippedItem

CUTOVER_NOT_SUPPORTED = "CutoverNotSupported"
"""Code of the error: the old server answers, and this tenant takes no cutover batch."""


class TenantMigration(ABC):
    """A migration endpoint, a cutover batch and the users in it."""

    @abstractmethod
    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint; None: there is none of that name."""

    @abstractmethod
    def test_endpoint(self, name: str) -> None:
        """Have Microsoft connect by an endpoint that exists. Blocked: it cannot; `seen` says why.

        Blocked with the code `CutoverNotSupported`: it can, but this tenant takes no cutover batch.
        """

    @abstractmethod
    def create_endpoint(self, endpoint: Endpoint, source: SourceServer) -> Endpoint:
        """Make a migration endpoint; the source's own account is used.

        Microsoft's own Autodiscover is tried first, with `email_address`; then what `endpoint` says. Either way it is
        asked first whether it can reach the server. Blocked: it cannot, or another endpoint has the name. Blocked with
        the code `CutoverNotSupported`: this tenant takes no cutover batch.
        """

    @abstractmethod
    def remove_endpoint(self, name: str) -> None:
        """Remove it; one that is not there is no error."""

    @abstractmethod
    def batch(self, name: str) -> MigrationBatch | None:
        """The batch with its counts; None: there is none of that name."""

    @abstractmethod
    def create_batch(self, name: str, endpoint: str) -> MigrationBatch:
        """Make a cutover batch, not started. Blocked: another cutover batch exists."""

    @abstractmethod
    def start_batch(self, name: str) -> None:
        """Start it, or its failed users again; one that runs without failures is left alone."""

    @abstractmethod
    def sync_now(self, batch: str) -> None:
        """Ask for an incremental sync at once instead of the daily cycle. Blocked: the service declines."""

    @abstractmethod
    def remove_batch(self, name: str) -> None:
        """Remove it; one that is not there is no error. NotYet: Microsoft is still removing it."""

    @abstractmethod
    def users(self, batch: str) -> list[MigrationUser]:
        """The rows of a batch, each with its kind and its state: mailboxes, groups and contacts."""

    @abstractmethod
    def skipped_items(self, user: str) -> list[SkippedItem]:
        """What the migration service left out of a mailbox (SMTP address), by name."""
