"""The ports of the old Exchange server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import SecretStr

from mailmove.inventory.full import AddressBook, FullInventory, Grants
from mailmove.inventory.server import Inventory, OutlookAnywhere
from mailmove.items.copy.interfaces import Origin
from mailmove.items.item import Arrival
from mailmove.items.reconcile.changes import MailboxChanges
from mailmove.ports.clock import HasClock
from mailmove.ports.messages import MessageStore

if TYPE_CHECKING:  # every flow imports this file, and few runs touch a certificate
    from mailmove.certificates import Issued, ServerCertificate


class SourceServer(HasClock):
    """The old Exchange server: its shell and its mailboxes."""

    @abstractmethod
    def inventory(self) -> Inventory:
        """The mailboxes and mail-enabled public folders; fast, as stages call it often."""

    @abstractmethod
    def full_inventory(self) -> FullInventory:
        """Everything on the server that a move must know of; for preflight, it may take minutes."""

    @abstractmethod
    def address_book(self) -> AddressBook:
        """Groups with their members, and contacts; a minute on a large server."""

    @abstractmethod
    def grants(self) -> Grants:
        """Rights to open a mailbox, send as it or on its behalf: explicit ones, not inherited."""

    @abstractmethod
    def outlook_anywhere(self) -> OutlookAnywhere | None:
        """Settings of Outlook Anywhere; None: not enabled."""

    @abstractmethod
    def set_outlook_anywhere(self, wanted: OutlookAnywhere | None) -> None:
        """Make the settings so; None disables it."""

    @property
    @abstractmethod
    def messages(self) -> MessageStore:
        """Single messages of its mailboxes."""

    @abstractmethod
    def origin(self) -> Origin:
        """From where a copy of our own reads items."""

    @abstractmethod
    def item_changes(self) -> MailboxChanges:
        """Reads every item of a mailbox, and later only what has changed."""

    @abstractmethod
    def migration_account(self) -> tuple[str, SecretStr]:
        """User name and password with which Microsoft's migration service signs in to the server."""

    @abstractmethod
    def trusted_ca(self) -> str | None:
        """PEM of the private root that issued the server's certificate; None: a public root did."""

    @abstractmethod
    def arrivals(self, since: datetime) -> list[Arrival]:
        """Messages that the server accepted by SMTP since then, oldest first."""


class HoldsCertificates(ABC):
    """A server whose HTTPS certificate can be read and changed."""

    @abstractmethod
    def certificates(self) -> list[ServerCertificate]:
        """Every certificate in the server's own store."""

    @abstractmethod
    def import_certificate(self, issued: Issued) -> None:
        """Put a certificate into the store, with its key; no service uses it yet. Idempotent."""

    @abstractmethod
    def use_certificate(self, thumbprint: str) -> None:
        """Bind this certificate to HTTPS in IIS."""

    @abstractmethod
    def remove_certificate(self, thumbprint: str) -> None:
        """Remove a certificate from the store; idempotent."""


class HasRpcProxyFeature(ABC):
    """A server on which the Windows feature RPC over HTTP Proxy can be read and installed."""

    @abstractmethod
    def rpc_proxy_feature(self) -> bool | None:
        """Is it installed? None: this cannot be read from here."""

    @abstractmethod
    def set_rpc_proxy_feature(self, wanted: bool) -> None:
        """Install or remove it; takes minutes. Blocked: it cannot be done from here."""
