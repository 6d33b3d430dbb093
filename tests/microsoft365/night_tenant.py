"""A lab tenant in the middle of a night, the partner who works in it, and the product's blocks pointed at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from blocks.microsoft365.microsoft365 import Microsoft365
from blocks.partner.access import CONSENT_ROLE
from blocks.partner.partner_center import PartnerCenter
from blocks.partner.relationships import DEFAULT_ROLES
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.cloud.login import EXCHANGE, GRAPH
from lab.cloud.partner_orders import BUSINESS_BASIC
from lab.cloud.tenant import Assignment, Batch, CloudDomain, Gdap, MigrationEndpoint, MovedUser, OtherRecipient
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import Mailbox
from mailmove.items.copy.interfaces import Destination, SourceFolder

DOMAIN, NEW, UNPROVED, PROVED = "northwind.example", "new.example", "unproved.example", "proved.example"
ANNA, INFO, LOST = f"anna@{DOMAIN}", f"info@{DOMAIN}", f"lost@{DOMAIN}"
TXT = "MS=ms12345678"
SKU = "O365_BUSINESS_ESSENTIALS"
TITLE = "Mailmove northwind"
THEN = datetime(2026, 1, 2, 9, tzinfo=UTC)
ROLES = [*DEFAULT_ROLES, CONSENT_ROLE]
MESSAGE = "item-00000001"
"""The first that `furnish` puts into a mailbox, Anna's."""
CALENDAR = SourceFolder("k", ("Kalender",), "event", "calendar")


def furnish(cloud: Cloud) -> None:
    """A tenant in the middle of the night, and a partner who works in it."""
    tenant, partner = cloud.tenant, cloud.partner
    tenant.domains |= {
        DOMAIN: CloudDomain(DOMAIN, verified=True, services=["Email"]),
        UNPROVED: CloudDomain(UNPROVED, txt=TXT),
        PROVED: CloudDomain(PROVED, verified=True),
    }
    tenant.dkim[DOMAIN] = False
    for address in (ANNA, INFO, LOST):
        tenant.add_user(address, address, "night").has_mailbox = True
        tenant.store.add_mailbox(Mailbox(address, address))
    for number, folder in enumerate(("Inbox", "Inbox", "Inbox/Projects")):
        head = f"Message-ID: <{number}@x.example>\r\nSubject: Message {number}\r\n\r\n"
        tenant.store.put(ANNA, head.encode(), folder=folder, received=THEN)
    meeting = EventParts("uid-1", "Meeting", THEN, THEN + timedelta(hours=1), False)
    tenant.store.put(ANNA, event_mime(meeting), folder="Calendar", kind="event", received=THEN)
    person = contact_mime(ContactParts("Berg", "berg@x.example"))
    tenant.store.put(ANNA, person, folder="Contacts", kind="contact", received=THEN)
    for name in ("oa", "spare"):
        tenant.endpoints[name] = MigrationEndpoint(name, "s.local", "mail.northwind.example", "Basic", "u", "p")
    tenant.others[f"all@{DOMAIN}"] = OtherRecipient(f"all@{DOMAIN}", "All", "MailUniversalDistributionGroup")
    tenant.others[f"all@{DOMAIN}"].members |= {ANNA, INFO}
    tenant.others[f"out@{DOMAIN}"] = OtherRecipient(f"out@{DOMAIN}", "Out", target="out@x.example")
    tenant.store.put(ANNA, b"Message-ID: <0@x.example>\r\nSubject: Message 0\r\n\r\n", received=THEN)  # a twin
    users = {ANNA: MovedUser(ANNA, "Synced"), LOST: MovedUser(LOST, "Failed"), INFO: MovedUser(INFO, "Failed", "no")}
    tenant.batches["night"] = Batch("night", "oa", "Synced", users, last_synced=datetime.now(UTC))
    for title, status in (("old", "active"), ("half", "created")):
        made = Gdap(title, "P90D", ROLES, "PT0S", status=status, id=f"gdap-{title}")
        made.customer = {"tenantId": tenant.id, "displayName": "Northwind"}
        tenant.relationships[made.id] = made
    tenant.relationships["gdap-old"].assignments.append(Assignment(partner.group, ROLES, "active"))
    rights = {"User.Read.All", "Organization.Read.All", "Domain.Read.All"}
    tenant.consents[partner.client_id] = {GRAPH: rights, EXCHANGE: {"Exchange.Manage"}}
    tenant.users[ANNA].delegates |= {(right, INFO) for right in ("FullAccess", "SendAs", "SendOnBehalf")}
    tenant.resold = True
    line = {"catalogItemId": BUSINESS_BASIC, "quantity": 1, "termDuration": "P1M", "billingCycle": "monthly"}
    tenant.carts["cart-1"] = {"id": "cart-1", "status": "Active", "lineItems": [line]}
    tenant.customers["other.onmicrosoft.com"] = {"id": "other", "companyProfile": {"domain": "other.onmicrosoft.com"}}
    trace = {"id": "trace", "messageId": "<0@x.example>", "recipientAddress": ANNA, "fromIP": "192.0.2.1"}
    at = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    tenant.traces.append(trace | {"receivedDateTime": at, "status": "delivered"})


@dataclass
class World:
    cloud: Cloud
    tenant: Microsoft365
    partner: PartnerCenter
    delegated: Microsoft365
    reseller: PartnerCenter

    def destination(self) -> Destination:
        return self.tenant.items.destination()


def world_of(cloud: Cloud, authority: Authority) -> World:
    place = {"login_url": cloud.base_url, "graph_url": cloud.base_url, "extra_ca": authority.pem}
    own = cloud.partner
    customer = {"tenant_id": cloud.tenant_id, "exchange_url": cloud.base_url, **place}
    tenant = Microsoft365(
        client_id=cloud.app.client_id,
        client_secret=SecretStr(cloud.app.secret),
        exchange_public_key=cloud.exchange_public_key_pem,
        **customer,
    )
    delegated = Microsoft365(
        client_id=own.client_id,
        client_secret=SecretStr(own.secret),
        refresh_token=SecretStr(own.refresh_token),
        **customer,
    )
    partners = {
        "tenant_id": own.tenant_id,
        "client_id": own.client_id,
        "client_secret": SecretStr(own.secret),
        "refresh_token": SecretStr(own.refresh_token),
        "partner_center_url": f"{cloud.base_url}/partnercenter",
        "price_sheet_url": f"{cloud.base_url}/prices",
        "group": own.group,
        **place,
    }
    reseller = PartnerCenter(kind="indirect-reseller", reseller_url="https://admin.example/", **partners)
    return World(cloud, tenant, PartnerCenter(**partners), delegated, reseller)
