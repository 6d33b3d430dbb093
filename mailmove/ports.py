"""What the cutover needs from the outside, as abstract classes; `blocks/` implements each for one vendor.

They are ABCs, not Protocols: Prefect's Block has a metaclass of its own. Every method is a blocking call that
may raise only errors from `mailmove.errors`. Every method that changes something is idempotent: it looks
first, changes only the difference, and returns when the other side has confirmed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from mailmove.certificates import Challenge, Issued, ServerCertificate
from mailmove.cloud_state import (
    Domain,
    Endpoint,
    Licence,
    MailboxKind,
    MigrationBatch,
    MigrationUser,
    Recipient,
    Relationship,
    SkippedItem,
    TraceEntry,
)
from mailmove.doors import Mode
from mailmove.evidence import Finding
from mailmove.full_inventory import FullInventory, Grant
from mailmove.item_ledger.changes import MailboxChanges
from mailmove.mail_items import Arrival, Item
from mailmove.moving.parts import Destination, Moved, Origin
from mailmove.purchase import NewCustomer, Order, Price, Product, Purchase
from mailmove.records import RRset, RRsetChange, Zone
from mailmove.server_state import Inventory, OutlookAnywhere


class DnsProvider(ABC):
    """Where a zone is edited. Zone names are absolute, with the last dot."""

    by_hand: ClassVar[bool] = False
    """True: a person makes the changes; `apply` raises ByHand until the authoritative servers serve them."""

    @abstractmethod
    def read_zone(self, zone: str) -> Zone:
        """Every record set that the provider holds for the zone. Blocked: there is no such zone."""

    @abstractmethod
    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """Make all changes, in one transaction where the wire allows.

        A change whose `after` stands already is skipped. Drifted: a set is neither at its `before` nor at its
        `after`; nothing was changed then. TtlRaised: the provider raises TTLs; what was there has been put back.
        Returns when the provider says that its own servers have it.
        """

    def zone_findings(self, zone: str) -> list[Finding]:
        """What would stop `apply` on this zone tonight, as far as that can be tried without changing anything."""
        return []


class SourceServer(ABC):
    """The old Exchange server: its shell and its mailboxes."""

    @abstractmethod
    def inventory(self) -> Inventory:
        """The mailboxes and mail-enabled public folders, quickly: stages ask often."""

    @abstractmethod
    def full_inventory(self) -> FullInventory:
        """Everything on the server that a move must know of; for preflight, it may take minutes."""

    @abstractmethod
    def grants(self) -> list[Grant]:
        """Who may open a mailbox, send as it or on its behalf: rights given by hand, not inherited ones."""

    @abstractmethod
    def outlook_anywhere(self) -> OutlookAnywhere | None:
        """Its settings today; None: not enabled."""

    @abstractmethod
    def set_outlook_anywhere(self, wanted: OutlookAnywhere | None) -> None:
        """Make the settings so; None disables it."""

    @abstractmethod
    def items(self, mailbox: str) -> Iterator[Item]:
        """Every item of a mailbox (SMTP address), all folders."""

    @abstractmethod
    def item_changes(self) -> MailboxChanges:
        """The same, so that a second look costs only what has changed."""

    @abstractmethod
    def content(self, mailbox: str, item_ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """(item id, MIME content as RFC 5322 bytes) of each item asked for."""

    @abstractmethod
    def migration_account(self) -> tuple[str, SecretStr]:
        """User name and password with which Microsoft's migration service signs in to the server."""

    @abstractmethod
    def trusted_ca(self) -> str | None:
        """PEM of a private root that the server's certificate hangs on; None: a public one."""

    @abstractmethod
    def arrivals(self, since: datetime) -> list[Arrival]:
        """Messages that the server accepted by SMTP since then, oldest first."""


class Tenant(ABC):
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


class Mover(ABC):
    """Copies items by itself, where Microsoft's service cannot, or does not.

    Every act may be killed and repeated: what is there already is not copied again. NotYet, Transient, Throttled:
    call it again; it goes on where it stopped.
    """

    @abstractmethod
    def move(self, mailboxes: Sequence[str]) -> list[Moved]:
        """Everything in these mailboxes (SMTP addresses), several at once; what cannot be copied is named."""

    @abstractmethod
    def move_items(self, mailbox: str, items: Sequence[Item], *, tried_ago: float | None = 0.0) -> Moved:
        """Only these items of the source, which the target was found to lack.

        tried_ago: seconds since this was last tried, which may have died with a request under way; None: never.
        """


class ItemOrigin(ABC):
    """A source server whose items can be read for a copy."""

    @abstractmethod
    def origin(self) -> Origin: ...


class ItemDestination(ABC):
    """A tenant whose mailboxes take items from us."""

    @abstractmethod
    def destination(self) -> Destination: ...

    @abstractmethod
    def copy_findings(self) -> list[Finding]:
        """Rights that a copy of our own needs, and that we were not given."""


class Partner(ABC):
    """The partner's side of the customer relationship (GDAP through Graph; the rest from Partner Center)."""

    @abstractmethod
    def relationship(self, display_name: str) -> Relationship | None:
        """The newest live relationship of that name."""

    @abstractmethod
    def invite(self, display_name: str) -> Relationship:
        """Create the relationship with the least roles and lock it for approval; once only."""

    @abstractmethod
    def withdraw(self, relationship_id: str) -> None:
        """Terminate or delete it, as its state allows."""

    @abstractmethod
    def reseller_link(self) -> str:
        """The link with which the customer accepts us as reseller."""

    @abstractmethod
    def missing_access(self, found: Relationship) -> dict[str, str | None]:
        """What an active relationship still lacks before we can work in the tenant, by name -> as it stands."""

    @abstractmethod
    def give_access(self, found: Relationship) -> None:
        """Our group gets the roles, our application its consent. NotYet: Microsoft, or a person, is still at it."""

    @abstractmethod
    def waits_for(self, found: Relationship) -> str | None:
        """What an active relationship lacks that only the customer can give, with the link; None: nothing."""

    @abstractmethod
    def end_access(self, found: Relationship) -> None:
        """Take our application's consent back, while the relationship still lets us."""

    @abstractmethod
    def customer(self, domain: str) -> str | None:
        """Tenant id of a customer of ours by its first name; None: not ours. Blocked: somebody else has the name."""

    @abstractmethod
    def make_customer(self, wanted: NewCustomer) -> str:
        """Make the tenant, unless we have made it; its id. Its administrator's password goes into a block."""

    @abstractmethod
    def resells(self, customer: str) -> bool:
        """Has this customer (tenant id) accepted us as reseller? An order takes that, beside the relationship."""

    @abstractmethod
    def prices(self, wanted: Purchase) -> dict[str, Price]:
        """What each product costs, by catalog item. Blocked: one has no price; without a price nothing is bought."""

    @abstractmethod
    def orders(self, customer: str) -> list[Order]:
        """The customer's orders through us; a new one may show a quarter of an hour late."""

    @abstractmethod
    def fill_cart(self, customer: str, products: Sequence[Product], note: str) -> str:
        """Put them into a new cart, which is no order; its id. Blocked: one cannot be ordered, or we do not resell."""

    @abstractmethod
    def cart_ordered(self, customer: str, cart: str) -> bool | None:
        """Has this cart been ordered? None: there is no such cart any more."""

    @abstractmethod
    def check_out(self, customer: str, cart: str) -> None:
        """Order a cart. Spends money. The same cart twice is one order."""


class Firewall(ABC):
    """What opens and closes port 25 of the old server."""

    by_hand: ClassVar[bool] = False
    """True: a person makes the change; `set_allowed` raises ByHand until it is seen."""

    @abstractmethod
    def modes(self) -> frozenset[Mode]:
        """What a late sender can be made to meet here."""

    @abstractmethod
    def allowed(self, port: int) -> list[dict[str, Any]]:
        """The rules that let a TCP port in, as the vendor spells them, sorted; empty: closed, and it stays so."""

    @abstractmethod
    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Make the rules for this one port exactly so; `mode`: what a sender meets where there are none; None:
        the first of refuse, drop and reject that it can do.

        Blocked, and nothing changed: a mode that is not among `modes`. A firewall that could lock us out undoes a
        closing by itself, unless we have reached it once more after it.
        """

    def obstacles(self, port: int) -> list[Finding]:
        """Why `set_allowed(port, [])` would be Blocked tonight; empty: it would not."""
        return []


class HoldsMessages(ABC):
    """A place of mailboxes in which single messages can be looked up and taken away: the old server, and the cloud."""

    @abstractmethod
    def find_messages(self, mailbox: str, message_ids: Sequence[str]) -> list[Item]:
        """Every copy of the messages with these Message-IDs, in all folders; quickly, whatever the mailbox holds."""

    @abstractmethod
    def remove_message(self, mailbox: str, item_id: str) -> None:
        """Delete one item. One that is not there is no error. Refused: we lack the right."""


class GivesMessages(HoldsMessages):
    """One that also tells what came to it lately, and gives it out."""

    @abstractmethod
    def messages_since(self, mailbox: str, since: datetime) -> Iterator[Item]:
        """Messages that were received at or after this moment, in all folders."""

    @abstractmethod
    def message_content(self, mailbox: str, item_id: str) -> bytes:
        """A message as RFC 5322 bytes. Refused: we lack the right."""


class Checkable(ABC):
    """A block that can say, changing nothing, whether it would work tonight."""

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Sign in, test the rights that the cutover needs; each thing amiss is a finding."""


class TakesSignIn(ABC):
    """A block as which a person can sign in, with a code that they type in a browser."""

    @abstractmethod
    def sign_in(self, show: Callable[[str], None]) -> str:
        """`show` is given the words for the person; then wait. Returns who signed in; the block holds what they left,
        and must be saved. NotYet: nobody came. Refused: they said no, or the application may not ask so."""


class HoldsCertificates(ABC):
    """A server that shows a certificate on HTTPS, and lets us change it."""

    @abstractmethod
    def certificates(self) -> list[ServerCertificate]:
        """Every certificate in the server's own store."""

    @abstractmethod
    def import_certificate(self, issued: Issued) -> None:
        """Put it into the store, with its key; nothing uses it yet. One that is there already is left."""

    @abstractmethod
    def use_certificate(self, thumbprint: str) -> None:
        """Have IIS show this one on HTTPS."""

    @abstractmethod
    def remove_certificate(self, thumbprint: str) -> None:
        """Take it out of the store; one that is not there is no error."""


class CertificateAuthority(ABC):
    """Who issues public certificates, by proofs in the DNS (ACME, RFC 8555). It remembers an order over a kill."""

    @abstractmethod
    def held(self, names: Sequence[str]) -> Issued | None:
        """The certificate that it issued to us for these names earlier, if it is good for some weeks yet."""

    @abstractmethod
    def begin(self, names: Sequence[str]) -> list[Challenge]:
        """Order one, or go on with the order that is open; what must be published. (): everything is proved."""

    @abstractmethod
    def finish(self, names: Sequence[str]) -> Issued:
        """Have the proofs looked at, and take the certificate. Blocked: the authority did not believe them."""


class HasRpcProxyFeature(ABC):
    """A server on which the Windows feature RPC over HTTP Proxy can be looked at and installed."""

    @abstractmethod
    def rpc_proxy_feature(self) -> bool | None:
        """Installed? None: it cannot be told from here."""

    @abstractmethod
    def set_rpc_proxy_feature(self, wanted: bool) -> None:
        """Install or remove it; takes minutes. Blocked: it cannot be done from here."""
