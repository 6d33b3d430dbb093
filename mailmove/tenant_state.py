"""State read from the customer's Microsoft 365; names follow Graph v1.0 and the Exchange cmdlets."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.records import RRset

MailboxKind = Literal["Regular", "Shared", "Room", "Equipment"]
"""As `Set-Mailbox -Type` spells it."""


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Domain(_State):
    name: str = Field(description="Without the last dot")
    verified: bool
    mail_enabled: bool
    verification: tuple[RRset, ...] = Field(default=(), description="TXT that proves the domain is ours")
    service_records: tuple[RRset, ...] = Field(
        default=(), description="MX, SPF, autodiscover: the only source of the MX name"
    )


class Endpoint(_State):
    """A migration endpoint of type ExchangeOutlookAnywhere."""

    name: str
    exchange_server: str = Field(description="The server's FQDN, or <guid>@domain from Exchange 2013 on; '': not known")
    rpc_proxy_server: str = Field(description="Public name of Outlook Anywhere")
    authentication: Literal["Basic", "Ntlm"] = "Basic"
    email_address: str = Field(default="", description="Mailbox by which Microsoft looks for the server, and tests it")


class MigrationBatch(_State):
    name: str
    status: str = Field(description="As Get-MigrationBatch says: Created, Syncing, Synced, ...")
    total: int = 0
    synced: int = 0
    failed: int = 0
    last_round: datetime | None = Field(default=None, description="End of the last sync of the whole batch")


RowKind = Literal["mailbox", "group", "contact", "unknown"]
"""What a row of a batch is; contact: a mail contact or a mail user. unknown: its RecipientType is none that we know."""


class MigrationUser(_State):
    """A row of a batch: a mailbox, a distribution group, a mail contact or a mail user."""

    address: str
    kind: RowKind = "mailbox"
    status: str = Field(description="As Get-MigrationUser says: Queued, Syncing, Synced, Failed, ...")
    synced_items: int = 0
    skipped_items: int = 0
    last_synced: datetime | None = Field(
        default=None, description="When a sync last copied something new: of a quiet mailbox it stands still"
    )
    error: str = ""


class SkippedItem(_State):
    """An item that the migration service left out (Get-MigrationUserStatistics -IncludeSkippedItems)."""

    kind: str = Field(description="CorruptItem, LargeItem, MissingItem, ...")
    subject: str
    folder: str
    sender: str = ""

    def __str__(self) -> str:
        return f"{self.kind} '{self.subject}' in {self.folder}" + (f" from {self.sender}" if self.sender else "")


class Recipient(_State):
    """A recipient in the tenant, or a user without a mailbox."""

    address: str = Field(description="Primary SMTP address, or the sign-in name of a user without one; lower case")
    kind: str = Field(
        description="RecipientTypeDetails (UserMailbox, MailContact, GroupMailbox, ...); User: no mailbox"
    )
    addresses: frozenset[str] = Field(default=frozenset(), description="All SMTP addresses, lower case")
    names: frozenset[str] = Field(default=frozenset(), description="What else Exchange may call it, lower case")

    @property
    def has_mailbox(self) -> bool:
        return self.kind in ("UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox")


class MailContact(_State):
    """An address in the tenant whose mail goes elsewhere."""

    addresses: frozenset[str] = Field(description="All SMTP addresses, lower case")
    target: str = Field(description="Where its mail goes, lower case")


class Licence(_State):
    sku: str = Field(description="skuPartNumber")
    sku_id: str = Field(description="skuId, a GUID")
    owned: int
    used: int


class Relationship(_State):
    """A GDAP relationship (Graph delegatedAdminRelationship)."""

    id: str
    display_name: str
    status: str = Field(description="created, approvalPending, active, terminated, ...")
    approval_link: str
    customer_tenant_id: str | None = None


class TraceEntry(_State):
    """One message trace (Graph v1.0 exchangeMessageTrace)."""

    message_id: str
    recipient: str
    from_ip: str
    at: datetime
    status: str
