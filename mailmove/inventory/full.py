"""The full inventory of the old server: everything that a move must know of; read once, at preflight."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.inventory.server import Inventory, NotRead
from mailmove.inventory.transport import Incoming, ReceiveConnector, SendConnector, TransportRule

LARGEST_ITEM = 150 * 1024 * 1024
"""Bytes; largest item that moves. A larger one fails its mailbox (KB 2584294: TooManyLargeItemsPermanentException)."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class MailFolder(_Fact):
    """One folder of a mailbox, as the server counts it: hidden items may be among them (Microsoft, aa996762)."""

    path: str = Field(description="From the mailbox's root, '/'-separated: 'Inbox/Projects'")
    items: int
    size: int | None = Field(description="Bytes, without the folders below; None: the server's form is not known")
    kind: str = Field(default="", description="FolderType, in every language the same: 'Inbox', 'User Created'")


class Group(_Fact):
    address: str
    display_name: str
    kind: Literal["distribution", "security", "dynamic"]
    members: tuple[str, ...] = Field(default=(), description="SMTP addresses, sorted; empty for a dynamic group")
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    owners: tuple[str, ...] = Field(default=(), description="SMTP addresses of those who manage it, sorted")
    inside_only: bool | None = Field(
        default=None, description="It takes no mail from outside the company; None: the server did not show it"
    )


class Contact(_Fact):
    """An address in the directory whose mail goes elsewhere: a mail contact or a mail user."""

    address: str
    display_name: str
    kind: Literal["contact", "mail_user"]
    target: str = Field(description="Where its mail goes")
    aliases: tuple[str, ...] = ()


class OtherRecipient(_Fact):
    """A recipient of a kind that the cutover has no rule for."""

    address: str
    display_name: str
    kind: str = Field(description="RecipientTypeDetails, as Exchange says it: 'LinkedMailbox'")
    aliases: tuple[str, ...] = ()


class Forwarding(_Fact):
    """Mail of a mailbox that goes on to another address."""

    mailbox: str
    to: str
    keeps_copy: bool
    rule: str = Field(default="", description="Name of the inbox rule; empty: a setting of the mailbox")
    enabled: bool = True


class Grant(_Fact):
    """A right to open a mailbox, or to send as it. Inherited rights and the owner's own are left out."""

    mailbox: str
    right: Literal["full_access", "send_as", "send_on_behalf"]
    trustee: str = Field(description="SMTP address where it is known, else as Exchange says it: 'CONTOSO\\\\Backup'")


class Grants(_Fact):
    """Rights of people on other people's mailboxes. not_read: what the server did not tell of single mailboxes."""

    given: list[Grant]
    not_read: list[NotRead] = Field(default=[])


class Archive(_Fact):
    mailbox: str
    name: str
    items: int | None = None
    size: int | None = Field(default=None, description="Bytes")


class DisconnectedMailbox(_Fact):
    """A mailbox without an owner that the database still keeps: disabled, or left behind by a move."""

    display_name: str
    mailbox: str = Field(default="", description="Address of the mailbox in use with the same legacyExchangeDN")
    reason: str = Field(default="", description="As Exchange says it: 'Disabled', 'SoftDeleted'; 2007 says nothing")
    since: datetime | None = None
    items: int | None = None
    size: int | None = Field(default=None, description="Bytes")


class AcceptedDomain(_Fact):
    """A domain for which the server takes mail."""

    name: str = Field(description="Lower case; '*.contoso.com' with every name below it")
    kind: str = Field(description="As Exchange says it: 'Authoritative', 'InternalRelay', 'ExternalRelay'")
    default: bool = False


class Phone(_Fact):
    """An ActiveSync partnership."""

    mailbox: str
    device_id: str
    device_type: str
    model: str
    last_sync: datetime | None = None


class LargeItem(_Fact):
    mailbox: str
    folder: str
    subject: str
    size: int = Field(description="Bytes")
    received: datetime | None = None


class Relay(_Fact):
    """A machine that sends through the server, from the server's message tracking log."""

    client_ip: str
    host: str = Field(description="What it calls itself; may be empty")
    senders: tuple[str, ...] = Field(description="The most frequent first, ten at most")
    messages: int
    last: datetime


class AddressBook(BaseModel):
    """What a batch carries besides mailboxes: the groups and contacts of the old server."""

    groups: list[Group] = Field(default=[])
    contacts: list[Contact] = Field(default=[])
    not_read: list[NotRead] = Field(default=[], description="Groups whose members could not be read, and the like")

    @property
    def moving(self) -> list[Group]:
        """The groups that a cutover batch carries: not dynamic ones, not hidden ones."""
        return [group for group in self.groups if group.kind != "dynamic" and not group.hidden]


class FullInventory(Inventory):
    """An inventory with groups, rights, phones and relays too. Addresses are in lower case."""

    x500: dict[str, tuple[str, ...]] = Field(default={}, description="Address -> X500 addresses of earlier moves")
    groups: list[Group] = Field(default=[])
    contacts: list[Contact] = Field(default=[])
    others: list[OtherRecipient] = Field(default=[])
    forwardings: list[Forwarding] = Field(default=[])
    grants: list[Grant] = Field(default=[])
    archives: list[Archive] = Field(default=[])
    disconnected: list[DisconnectedMailbox] = Field(default=[])
    accepted_domains: list[AcceptedDomain] = Field(default=[])
    folders: dict[str, tuple[MailFolder, ...]] = Field(default={}, description="Address -> folders, by path")
    large_items: list[LargeItem] = Field(default=[])
    phones: list[Phone] = Field(default=[])
    relays: list[Relay] = Field(default=[])
    incoming: Incoming | None = Field(default=None, description="Mail from outside; None: the log could not be read")
    send_connectors: list[SendConnector] = Field(default=[])
    receive_connectors: list[ReceiveConnector] = Field(default=[])
    transport_rules: list[TransportRule] = Field(default=[])
