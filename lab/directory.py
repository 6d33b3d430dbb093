"""What the customer's directory knows besides mailboxes: groups, contacts, rights, phones, relays, connectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Group:
    """`kind` is distribution, security or dynamic; `members` are SMTP addresses."""

    address: str
    display_name: str
    kind: str = "distribution"
    members: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    owners: tuple[str, ...] = ()  # addresses of mailboxes
    inside_only: bool = True  # as the server makes them


@dataclass(frozen=True)
class OtherRecipient:
    """A recipient without a mailbox here; `details` is its RecipientTypeDetails: MailContact, MailUser, ..."""

    address: str
    display_name: str
    details: str = "MailContact"
    target: str = ""  # where its mail goes; "" where that is the address itself
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Right:
    """`trustee` may do something with `mailbox`; as `DOMAIN\\name` of a mailbox or group, by its SMTP address."""

    mailbox: str
    trustee: str
    right: str  # FullAccess, Send-As, SendOnBehalf
    denied: bool = False  # taken away, not given


@dataclass(frozen=True)
class Forwarding:
    """`by_address`: ForwardingSmtpAddress (2010 and later) instead of a recipient of the directory."""

    mailbox: str
    to: str
    keeps_copy: bool = False
    by_address: bool = False


@dataclass(frozen=True)
class InboxRule:
    mailbox: str
    name: str
    forward_to: tuple[str, ...] = ()
    redirect_to: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True)
class Phone:
    mailbox: str
    device_id: str
    device_type: str
    model: str
    user_agent: str
    last_sync: datetime


@dataclass(frozen=True)
class Archive:
    mailbox: str
    name: str
    items: int
    size: int


@dataclass(frozen=True)
class Disconnected:
    """A mailbox without an owner in the database, kept 30 days: its owner was deleted, or it was moved away.

    reason: Disabled or SoftDeleted; the LegacyDN of a moved one is still that of the mailbox in use.
    """

    display_name: str
    legacy_exchange_dn: str
    items: int
    size: int
    since: datetime
    reason: str = "Disabled"


@dataclass(frozen=True)
class Relay:
    """A machine that hands mail to the server; `hours` before now.

    recipients: (): the postmaster. source: of the tracking log's event: SMTP, or PICKUP for the folder of that name.
    """

    client_ip: str
    sender: str
    host: str
    hours: tuple[int, ...] = (5, 29)
    recipients: tuple[str, ...] = ()
    source: str = "SMTP"


@dataclass(frozen=True)
class SendConnector:
    """A way out. smart_hosts: names, or addresses in brackets; (): by DNS. scoped: for its own site only."""

    name: str
    address_spaces: tuple[str, ...] = ("*",)
    smart_hosts: tuple[str, ...] = ()
    enabled: bool = True
    scoped: bool = False
    port: int = 25


@dataclass(frozen=True)
class ReceiveConnector:
    """A way in: where it listens, for whom, and who may use it (the names of the enumeration)."""

    name: str
    bindings: tuple[str, ...] = ("0.0.0.0:25",)
    remote_ranges: tuple[str, ...] = ("0.0.0.0-255.255.255.255",)
    permission_groups: tuple[str, ...] = ("AnonymousUsers",)
    auth: str = "Tls"
    enabled: bool = True


@dataclass(frozen=True)
class TransportRule:
    name: str
    redirect_to: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True)
class Directory:
    groups: tuple[Group, ...] = ()
    others: tuple[OtherRecipient, ...] = ()
    rights: tuple[Right, ...] = ()
    forwardings: tuple[Forwarding, ...] = ()
    rules: tuple[InboxRule, ...] = ()
    phones: tuple[Phone, ...] = ()
    archives: tuple[Archive, ...] = ()
    relays: tuple[Relay, ...] = ()
    disconnected: tuple[Disconnected, ...] = ()
    send_connectors: tuple[SendConnector, ...] = ()
    receive_connectors: tuple[ReceiveConnector, ...] = ()
    transport_rules: tuple[TransportRule, ...] = ()
    x500: dict[str, tuple[str, ...]] = field(default_factory=dict)  # mailbox -> X500 addresses of earlier moves

    def of(self, what: str, mailbox: str) -> list[Any]:
        """The rights, forwardings, rules, phones or archives of one mailbox."""
        return self._by_mailbox[what].get(mailbox, [])

    @cached_property
    def _by_mailbox(self) -> dict[str, dict[str, list[Any]]]:
        return {what: _grouped(getattr(self, what)) for what in _OF_MAILBOXES}


_OF_MAILBOXES = ("rights", "forwardings", "rules", "phones", "archives")


def _grouped(facts: Iterable[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for fact in facts:
        grouped.setdefault(fact.mailbox, []).append(fact)
    return grouped
