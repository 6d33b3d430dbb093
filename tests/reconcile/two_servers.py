"""An old server and a cloud on loopback, in this process, so that a test can reach into their mailboxes."""

from __future__ import annotations

from dataclasses import dataclass

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from lab.cloud.tenant import Tenant
from lab.faults import Faults
from lab.mail_store import MailStore
from lab.places import Places

EACH = 1200


@dataclass
class TwoServers:
    """One mailbox of `EACH` items at the old server, and the same items in the cloud."""

    faults: Faults
    old: MailStore
    cloud: MailStore
    source: ExchangeServer
    target: Microsoft365
    address: str
    tenant: Tenant
    mx: tuple[str, int]
    places: Places
    rights: set[str]

    def without_import(self) -> None:
        """As in a national cloud: nothing takes a whole item, so messages are delivered again by SMTP."""
        self.rights.discard("MailboxItem.ImportExport.All")
