"""What the customer's tenant holds, and the partner's relationships with it. Lock it while you change it."""

from __future__ import annotations

import copy
import secrets
import threading
import time
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lab.cloud.item_stream.stored import StoredProperties
from lab.mail_store import Mailbox, MailStore

_NOT_PICTURED = ("store", "lock", "made_up", "stored")


def utc(at: datetime | None = None) -> str:
    """A moment as Graph spells it; None: now."""
    shown = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
    return f"{shown[:-6]}Z"  # in place of +00:00; strftime takes four times as long


@dataclass
class CloudDomain:
    name: str
    initial: bool = False
    verified: bool = False
    services: list[str] = field(default_factory=list)
    txt: str = field(default_factory=lambda: f"MS=ms{secrets.randbelow(10**8):08d}")

    @property
    def takes_mail(self) -> bool:
        return self.verified and "Email" in self.services


@dataclass
class CloudUser:
    upn: str
    display_name: str
    id: str = field(default_factory=lambda: str(uuid4()))
    usage_location: str | None = None
    skus: set[str] = field(default_factory=set)  # skuId
    kind: str = "Regular"  # as Set-Mailbox -Type spells it
    has_mailbox: bool = False
    made_by: str = ""  # name of the batch that provisioned it; "" = an administrator
    x500: set[str] = field(default_factory=set)  # X500 proxy addresses, without the prefix
    delegates: set[tuple[str, str]] = field(default_factory=set)  # (FullAccess, SendAs or SendOnBehalf; trustee's UPN)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    mail: str = ""  # primary address where the user signs in by another name
    must_change: bool = False  # the password, at the next sign-in
    access_pass: dict[str, Any] | None = None  # a Temporary Access Pass, as Graph made it
    nickname: str = ""  # mailNickname; "": the local part of the sign-in name
    enabled: bool = True
    mailbox_from: float | None = None  # monotonic time from which a licence has given it a mailbox
    deleted: datetime | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    password_changed: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class OtherRecipient:
    """A group or a contact of the tenant's address book. details: its RecipientTypeDetails.

    members, owners: addresses, of a group. target: where a contact's mail goes. inside_only: a group takes no mail from
    outside. alias: "": the local part of the address.
    """

    address: str
    display_name: str
    details: str = "MailContact"
    aliases: tuple[str, ...] = ()
    members: set[str] = field(default_factory=set)
    target: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    alias: str = ""
    owners: set[str] = field(default_factory=set)
    inside_only: bool = True
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Sku:
    part_number: str
    owned: int
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class MigrationEndpoint:
    name: str
    exchange_server: str
    rpc_proxy_server: str
    authentication: str
    user: str
    password: str
    max_migrations: str = "20"
    email_address: str = ""
    autodiscovered: bool = False
    guid: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class MovedUser:
    """One MigrationUser, and which of its source items have been copied.

    recipient: MigrationUserRecipientType. last_copied: when a sync last copied anything; last_synced: when one ended.
    """

    address: str
    status: str = "Queued"
    error: str = ""
    kind: str = ""
    skipped: list[dict[str, str]] = field(default_factory=list)
    copied: set[str] = field(default_factory=set)
    last_synced: datetime | None = None
    last_copied: datetime | None = None
    recipient: str = "Mailbox"
    provisioned: bool = False
    poisoned: bool = False  # its job is not taken up any more, though it is queued
    guid: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class Batch:
    name: str
    endpoint: str
    status: str = "Created"
    users: dict[str, MovedUser] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_synced: datetime | None = None
    sync_now: bool = False
    guid: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class Assignment:
    """A delegatedAdminAccessAssignment: which of the partner's groups holds which of the relationship's roles."""

    group: str
    roles: list[str]
    status: str = "pending"  # active after it has been looked at once: nothing is done at once
    id: str = field(default_factory=lambda: str(uuid4()))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Gdap:
    """A delegatedAdminRelationship."""

    display_name: str
    duration: str
    roles: list[str]
    auto_extend: str
    customer: dict[str, str] | None = None
    status: str = "created"
    id: str = field(default_factory=lambda: f"{uuid4()}-{uuid4()}")
    etag: str = field(default_factory=lambda: f'W/"{secrets.token_hex(8)}"')
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    activated: datetime | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    refuses: bool = False  # what is asked of it is taken, and fails

    def turn(self, status: str) -> None:
        self.status, self.etag = status, f'W/"{secrets.token_hex(8)}"'


@dataclass
class Tenant:
    """One customer's Microsoft 365."""

    id: str
    initial_domain: str
    display_name: str
    store: MailStore = field(default_factory=MailStore)
    lock: threading.RLock = field(default_factory=threading.RLock)
    domains: dict[str, CloudDomain] = field(default_factory=dict)
    users: dict[str, CloudUser] = field(default_factory=dict)  # by UPN, lower case
    others: dict[str, OtherRecipient] = field(default_factory=dict)  # by address
    deleted: dict[str, CloudUser] = field(default_factory=dict)  # by id; Microsoft keeps them 30 days
    provisioning_seconds: float = 0.3  # from a licence to the mailbox; minutes in life
    directory_sync: bool = False
    skus: dict[str, Sku] = field(default_factory=dict)  # by part number
    endpoints: dict[str, MigrationEndpoint] = field(default_factory=dict)  # by name, lower case
    batches: dict[str, Batch] = field(default_factory=dict)  # by name, lower case
    relationships: dict[str, Gdap] = field(default_factory=dict)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)  # made through Partner Center
    resold: bool = False  # has the customer accepted the partner as reseller?
    agreement_signed: bool = False  # the Microsoft Customer Agreement, by the customer; asked for by a hostile switch
    consents: dict[str, dict[str, set[str]]] = field(default_factory=dict)  # client id -> application -> scopes
    carts: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    dkim: dict[str, bool] = field(default_factory=dict)
    passes_allowed: bool = False  # Temporary Access Passes, without a hostile switch
    conditional_access: list[dict[str, Any]] = field(default_factory=list)  # policies, as Graph shows them
    dkim_key_sizes: dict[str, int] = field(default_factory=dict)  # bits; the cmdlet's own default is 1024
    taken_over: bool = False  # the unmanaged tenant that had the domain: somebody administers it, and let go of it
    connectors: list[dict[str, Any]] = field(default_factory=list)  # inbound, as their cmdlet shows them
    folders: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # (address, kind of item) -> paths made
    properties: dict[str, dict[str, str]] = field(default_factory=dict)  # item id -> extended property id -> value
    drafts: set[str] = field(default_factory=set)  # ids of messages made from MIME
    stored: dict[str, StoredProperties] = field(default_factory=dict)  # item id -> what its stream said; never changed
    shown_from: dict[str, float] = field(default_factory=dict)  # item id -> monotonic time of its first appearance
    made_up: list[str] = field(default_factory=list)  # calls that Microsoft's contracts do not have
    effects: list[str] = field(default_factory=list)  # "POST /domains", "POST New-MigrationBatch": every change made

    def __post_init__(self) -> None:
        self.domains[self.initial_domain] = CloudDomain(
            self.initial_domain, initial=True, verified=True, services=["Email"]
        )
        self.skus["O365_BUSINESS_ESSENTIALS"] = Sku("O365_BUSINESS_ESSENTIALS", owned=150)
        self.add_user(f"admin@{self.initial_domain}", "Administrator", "")

    def note(self, method: str, what: str, status: int) -> None:
        """Note an answered call; one that changed something is kept."""
        if method not in ("GET", "HEAD") and status < 300:
            with self.lock:
                self.effects.append(f"{method} {what}")

    def picture(self) -> dict[str, Any]:
        """A copy of all that the tenant holds: for `restore`, or to be compared."""
        with self.lock:
            kept = {part.name: getattr(self, part.name) for part in fields(self) if part.name not in _NOT_PICTURED}
            # Items are frozen, so a copy of the dictionary is enough.
            boxes = {key: replace(box, items=dict(box.items)) for key, box in self.store.mailboxes.items()}
            return copy.deepcopy(kept) | {"mailboxes": boxes}

    def restore(self, picture: dict[str, Any]) -> None:
        """Set the tenant back to a picture."""
        with self.lock:
            for box in list(self.store.mailboxes):
                self.store.remove_mailbox(box)
            for box in picture["mailboxes"].values():
                self.store.add_mailbox(replace(box, items=dict(box.items)))
            for name, value in copy.deepcopy({k: v for k, v in picture.items() if k != "mailboxes"}).items():
                setattr(self, name, value)

    def add_user(self, upn: str, display_name: str, made_by: str) -> CloudUser:
        with self.lock:
            user = CloudUser(upn.lower(), display_name, made_by=made_by)
            self.users[user.upn] = user
            return user

    def user(self, key: str) -> CloudUser | None:
        """By UPN, object id or proxy address."""
        with self.lock:
            key = key.lower()
            mailbox = self.store.find(key)
            return (
                self.users.get(key)
                or next((user for user in self.users.values() if user.id == key), None)
                or (self.users.get(mailbox.address) if mailbox else None)
            )

    def provision(self) -> None:
        """Give those a mailbox whose licence was given long enough ago."""
        with self.lock:
            for user in self.users.values():
                if user.has_mailbox or user.mailbox_from is None or time.monotonic() < user.mailbox_from:
                    continue
                user.has_mailbox, user.mailbox_from = True, None
                if self.store.find(user.upn) is None:
                    self.store.add_mailbox(Mailbox(user.upn, user.display_name))

    def holder(self, address: str) -> str | None:
        """The sign-in name or address of whatever holds an address or bears it as its sign-in name."""
        with self.lock:
            user = self.user(address)
            if user is not None and user.id != address:
                return user.upn
            other = self.other(address)
            return other.address if other else None

    def other(self, address: str) -> OtherRecipient | None:
        """The group or contact that holds an address."""
        with self.lock:
            address = address.lower()
            return next(
                (recipient for recipient in self.others.values() if address in (recipient.address, *recipient.aliases)),
                None,
            )

    def used(self, sku: Sku) -> int:
        """Units of a licence that users hold."""
        return sum(sku.id in user.skus for user in self.users.values())
