"""Runs all of Microsoft's cloud of one lab town."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.authority import Authority
from lab.cloud.cmdlets.delegate_cmdlets import DelegateCmdlets
from lab.cloud.cmdlets.dkim_cmdlets import DkimCmdlets
from lab.cloud.cmdlets.mailbox_cmdlets import MailboxCmdlets
from lab.cloud.cmdlets.migration_cmdlets import MigrationCmdlets
from lab.cloud.cmdlets.recipient_cmdlets import RecipientCmdlets
from lab.cloud.cmdlets.trace_cmdlets import TraceCmdlets
from lab.cloud.exchange_admin import ExchangeAdmin
from lab.cloud.graph.api import Graph
from lab.cloud.graph.domains import Domains
from lab.cloud.graph.partner import approve
from lab.cloud.login import AppAccess, Login, PartnerAccess
from lab.cloud.migration import MigrationService
from lab.cloud.partner_center import PartnerCenter
from lab.cloud.rpc_probe import Reach
from lab.cloud.smtp_in import CloudSmtp
from lab.cloud.tenant import OtherRecipient, Tenant
from lab.cloud.web import CloudWeb
from lab.directory import Directory
from lab.faults import Faults
from lab.mail_store import Mailbox, MailStore
from lab.places import Places


class Cloud:
    """`with Cloud(places, authority, resolver=..., mx_zone=..., directory=...) as cloud:` and Microsoft runs.

    resolver: (address, port) of the name server that Microsoft asks. mx_zone: the lab's `mx.microsoft`.
    directory, address_book: the old server's address list (stands for NSPI): mailboxes, and the rest. trusted: PEM of
    the roots that the migration service trusts; the authority's own when left out. cycle_seconds: between incremental
    syncs (a day in life).
    """

    def __init__(
        self,
        places: Places,
        authority: Authority,
        *,
        resolver: tuple[str, int],
        mx_zone: str,
        directory: Callable[[], list[Mailbox]],
        address_book: Callable[[], Directory] = Directory,
        faults: Faults | None = None,
        cycle_seconds: float = 5.0,
        trusted: str | None = None,
        token_seconds: int = 3600,
        initial_domain: str = "northwindexample.onmicrosoft.com",
    ) -> None:
        self.faults = faults or Faults()
        self.tenant = Tenant(str(uuid4()), initial_domain, "Northwind Traders")
        self.app = _new_app()
        self.partner = PartnerAccess(str(uuid4()), str(uuid4()), uuid4().hex, uuid4().hex)
        self.login = login = Login(self.tenant, self.app, self.partner, self.faults, token_seconds)
        reach = Reach(
            resolver, places.https_port, ssl.create_default_context(cadata=trusted if trusted else authority.pem)
        )
        self.migration = MigrationService(self.tenant, reach, directory, self.faults, cycle_seconds, address_book)
        self._admin = ExchangeAdmin(
            self.tenant,
            login,
            self.faults,
            MailboxCmdlets(self.tenant, self.faults),
            MigrationCmdlets(self.tenant, self.migration),
            DkimCmdlets(self.tenant, resolver, self.faults),
            DelegateCmdlets(self.tenant, self.faults),
            TraceCmdlets(self.tenant, self.faults),
            RecipientCmdlets(self.tenant),
        )
        graph = Graph(self.tenant, login, self.faults, Domains(self.tenant, resolver, mx_zone, self.faults))
        tls = authority.server_context(places.cloud, f"*.k-v1.{mx_zone.strip('.')}")
        host = places.cloud
        self._web = CloudWeb(
            self.tenant,
            login,
            graph,
            self._admin,
            PartnerCenter(self.tenant, login, self.faults),
            tls,
            host,
            places.https_port,
        )
        self._smtp = CloudSmtp(self.tenant, self.faults, f"k-v1.{mx_zone.strip('.')}", tls, host, places.smtp_port)
        self._running = ExitStack()

    @property
    def store(self) -> MailStore:
        """The mailboxes in the cloud."""
        return self.tenant.store

    @property
    def base_url(self) -> str:
        """Origin of everything on HTTPS, without a slash at the end."""
        return self._web.base

    @property
    def asked(self) -> list[str]:
        """The HTTPS requests so far, in order; callers may clear the list."""
        return self._web.asked

    @property
    def crowd(self) -> dict[str, int]:
        """(most requests that any mailbox ever had at once, requests refused for that)."""
        concurrency = self._web.graph.concurrency
        return {"most": max(concurrency.most.values(), default=0), "refused": concurrency.refused}

    @property
    def tenant_id(self) -> str:
        return self.tenant.id

    @property
    def initial_domain(self) -> str:
        return self.tenant.initial_domain

    @property
    def exchange_public_key_pem(self) -> str:
        """The public key with which clients encrypt passwords for the admin REST, as PEM."""
        return self._admin.public_key_pem

    def customer_approves(self) -> list[str]:
        """Approve every waiting invitation, as the customer's administrator; returns their ids."""
        waiting = [gdap.id for gdap in self.tenant.relationships.values() if gdap.status == "approvalPending"]
        for key in waiting:
            approve(self.tenant, key)
        return waiting

    def customer_accepts_reseller(self) -> None:
        """Accept the reseller link, as the customer's administrator."""
        self.tenant.resold = True

    def customer_accepts_agreement(self) -> None:
        """Accept the Microsoft Customer Agreement, as the customer's administrator."""
        self.tenant.agreement_signed = True

    def customer_takes_over_domain(self) -> None:
        """Take the unmanaged tenant over that has the domain, and remove the domain from it."""
        self.tenant.taken_over = True

    def person_signs_in(self, user_code: str, user: str | None) -> None:
        """Enter a device code as `user`; None: the person declines. KeyError: no such code."""
        self.login.codes.person_types(user_code, user)

    def person_opens(self, url: str, user: str | None) -> int:
        """Open a sign-in link in a browser on this machine, as `user`; None: the person declines."""
        return self.login.browser.person_opens(url, user)

    def add_user(self, upn: str, display_name: str = "") -> None:
        """Add a user, as an administrator does by hand; it collides with the batch."""
        self.tenant.add_user(upn, display_name or upn, "")

    def add_recipient(self, address: str, details: str = "MailContact", aliases: tuple[str, ...] = ()) -> None:
        """Add a group or contact to the tenant's address book."""
        self.tenant.others[address] = OtherRecipient(address, address, details, aliases)

    def add_member(self, group: str, member: str) -> None:
        """Add a member to a group by hand, as an administrator mends one that did not arrive whole."""
        with self.tenant.lock:
            self.tenant.others[group].members.add(member)

    def set_licences(self, part_number: str, owned: int) -> None:
        """Set how many units of a licence the tenant owns."""
        self.tenant.skus[part_number].owned = owned

    def picture(self) -> dict[str, Any]:
        """The tenant's objects without mail, JSON-able."""
        tenant = self.tenant
        with tenant.lock:
            parts = {sku.id: sku.part_number for sku in tenant.skus.values()}
            return {
                "domains": {
                    domain.name: {"verified": domain.verified, "services": list(domain.services)}
                    for domain in tenant.domains.values()
                },
                "signing": sorted(domain for domain, on in tenant.dkim.items() if on),
                "endpoints": {
                    endpoint.name: {"server": endpoint.exchange_server, "proxy": endpoint.rpc_proxy_server}
                    for endpoint in tenant.endpoints.values()
                },
                "batches": {batch.name: batch.status for batch in tenant.batches.values()},
                "users": {
                    user.upn: {
                        "kind": user.kind if user.has_mailbox else None,
                        "usage_location": user.usage_location,
                        "licences": sorted(parts[sku] for sku in user.skus),
                        "x500": sorted(user.x500),
                        "delegates": sorted(f"{right} {upn}" for right, upn in user.delegates),
                        "must_change_password": user.must_change,
                    }
                    for user in tenant.users.values()
                },
                "relationships": {gdap.display_name: gdap.status for gdap in tenant.relationships.values()},
                "consents": sorted(tenant.consents),
                "orders": [line["offerId"] for order in tenant.orders for line in order["lineItems"]],
            }

    def __enter__(self) -> Self:
        with ExitStack() as starting:  # what has started is stopped again if the next part cannot start
            for part in (self._web, self._smtp, self.migration):
                starting.enter_context(part)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()


def _new_app() -> AppAccess:
    """An application with a secret and a self-signed certificate, as it is registered for automation."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Mailmove")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return AppAccess(
        client_id=str(uuid4()),
        secret=uuid4().hex,
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        private_key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # SHA-1 is what msal's x5t asks for
    )
