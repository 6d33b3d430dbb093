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
    sign_in: str = Field(default="", description="Sign-in name of its user, lower case; '': it has none")

    @property
    def has_mailbox(self) -> bool:
        return self.kind in ("UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox")


class DeletedUser(_State):
    """A user whom somebody deleted, and whom Microsoft keeps for 30 days: restored, it claims its addresses again."""

    id: str
    addresses: frozenset[str] = Field(description="Sign-in name and SMTP addresses, lower case")


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


class InboundConnector(_State):
    """Whose mail to the tenant is treated otherwise (Get-InboundConnector); enabled ones only."""

    name: str
    kind: str = Field(description="ConnectorType: OnPremises or Partner")
    from_everybody: bool = Field(description="It is for mail of all senders, not of some domains")
    restricts: bool = Field(description="Mail that is for it and comes from elsewhere is refused (550 5.7.51)")


class SpoofPolicy(_State):
    """What happens to mail whose sender is not proved (Get-AntiPhishPolicy)."""

    name: str
    fails: str = Field(description="AuthenticationFailAction: MoveToJmf or Quarantine")
    dmarc_reject: str = Field(
        description="DmarcRejectAction where DMARC is honoured: Reject or Quarantine; '': it is not"
    )


class SpamPolicy(_State):
    """What happens to what looks like spam or phishing (Get-HostedContentFilterPolicy)."""

    name: str
    actions: dict[str, str] = Field(description="Verdict, like SpamAction -> MoveToJmf, Quarantine, Delete, ...")


class MailRules(_State):
    """None: it was not shown; `unseen` says why."""

    direct_send_rejected: bool | None = None
    connectors: tuple[InboundConnector, ...] | None = None
    old_servers: int | None = Field(default=None, description="Servers in Microsoft's report of those too old")
    exemptions: int | None = Field(default=None, description="Exemptions from its enforcement that are shown")
    spoof: tuple[SpoofPolicy, ...] | None = None
    spam: tuple[SpamPolicy, ...] | None = None
    quarantines_that_tell: tuple[str, ...] | None = Field(
        default=None, description="Quarantine policies under which people are told of their quarantined mail"
    )
    unseen: dict[str, str] = Field(default={}, description="Cmdlet -> what it answered instead")


class PassPolicy(_State):
    """Whether Temporary Access Passes are allowed, and how long they may last."""

    allowed: bool
    longest: int = Field(description="Minutes")
    once: bool = Field(description="A pass opens one sign-in only")


class SignInRules(_State):
    """None: it was not shown; `unseen` says why."""

    security_defaults: bool | None = None
    campaign: bool | None = Field(default=None, description="People are nudged to register a second factor")
    asking: tuple[str, ...] | None = Field(
        default=None, description="Conditional Access policies that ask a second factor of people who sign in"
    )
    guarding: tuple[str, ...] | None = Field(
        default=None, description="Conditional Access policies about registering a second factor"
    )
    devices: tuple[str, ...] | None = Field(
        default=None, description="Conditional Access policies that let people in from known devices only"
    )
    without_method: frozenset[str] | None = Field(default=None, description="Sign-in names of users without one")
    passes: PassPolicy | None = None
    unseen: dict[str, str] = Field(default={}, description="What was asked -> what was answered instead")


HolderKind = Literal["managed", "federated", "unmanaged", "none", ""]
"""none: no tenant has the domain. unmanaged: one that nobody administers (self-service sign-up). '': not seen."""


class DomainHolder(_State):
    """Who has a domain at Microsoft, as its sign-in says to anybody."""

    kind: HolderKind = ""
    tenant_id: str = Field(default="", description="'': none, or not named")
    trouble: str = Field(default="", description="What was not seen, and why")

    def words(self) -> str:
        return {
            "managed": f"{self.tenant_id or 'a tenant'} already has this domain",
            "federated": f"{self.tenant_id or 'a tenant'} has this domain, and signs in elsewhere (federated)",
            "unmanaged": f"{self.tenant_id or 'a tenant'} has this domain, and nobody administers it (unmanaged)",
            "none": "Microsoft knows no tenant with this domain",
            "": f"not seen: {self.trouble}",
        }[self.kind]

    def todo(self) -> str:
        """What must happen before the domain can be proved in another tenant; '': nothing."""
        return {
            "managed": "If that is not the customer's tenant of this plan: remove the domain there first, with "
            "everything that uses it.",
            "federated": "It is often a registrar's or a former provider's tenant (GoDaddy's are federated): have it "
            "defederated and removed there, or take that tenant over and move into it.",
            "unmanaged": "Somebody made it by signing up for a free service. Take it over: sign up there with an "
            "address of the domain, prove the domain, become its administrator, remove the domain from it; or move "
            "into it.",
            "none": "",
            "": "",
        }[self.kind]
