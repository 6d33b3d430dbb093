"""The customer's Microsoft 365 tenant, as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr

from blocks.microsoft365 import messages
from blocks.microsoft365.clouds import CLOUDS, CloudName, MicrosoftCloud, consent_link
from blocks.microsoft365.cmdlet_errors import WHO
from blocks.microsoft365.delegates import Delegates
from blocks.microsoft365.device_code import age_findings, sign_in_for
from blocks.microsoft365.dkim import Dkim
from blocks.microsoft365.domains import Domains
from blocks.microsoft365.exchange_admin import APP_ANCHOR, PARTNER_ANCHOR, ExchangeAdmin
from blocks.microsoft365.exchange_powershell import ENVIRONMENTS, ExchangePowerShell
from blocks.microsoft365.graph import Users, message_traces
from blocks.microsoft365.held import Held
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.item_destination import GraphDestination
from blocks.microsoft365.item_import import Importer
from blocks.microsoft365.mailbox_changes import GraphChanges
from blocks.microsoft365.mailbox_items import items
from blocks.microsoft365.mailboxes import Mailboxes
from blocks.microsoft365.migration import Migration
from blocks.microsoft365.permissions import IMPORT_PERMISSION, copy_findings, findings, granted
from blocks.microsoft365.recipients import Recipients
from blocks.microsoft365.sign_in import SignIn
from blocks.server_clock import clock_at
from blocks.tls_roots import tls_context
from mailmove.errors import Blocked
from mailmove.evidence import Finding
from mailmove.inventory.full import Grant
from mailmove.items.copy.interfaces import Destination
from mailmove.items.copy.rate_limits import Limits
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import MailboxChanges
from mailmove.ports import Checkable, GivesMessages, ItemDestination, SourceServer, TakesSignIn, Tenant
from mailmove.records import RRset
from mailmove.tenant_state import (
    Domain,
    Endpoint,
    Licence,
    MailboxKind,
    MigrationBatch,
    MigrationUser,
    Recipient,
    SkippedItem,
    TraceEntry,
)


@dataclass
class _Parts:
    sign_in: SignIn
    graph: JsonClient
    exchange: ExchangeAdmin
    domains: Domains
    dkim: Dkim
    users: Users
    mailboxes: Mailboxes
    recipients: Recipients
    delegates: Delegates
    migration: Migration


class Microsoft365(Block, Tenant, ItemDestination, GivesMessages, Checkable, TakesSignIn):
    """A Microsoft 365 tenant: Graph, Exchange Online and its migration service.

    Sign in as an application of the tenant (certificate, or client secret), or, with `refresh_token`, as a person: the
    partner's user by way of an active GDAP relationship, or an administrator of the tenant.

    Example:
        Load a configured tenant:
        ```python
        from blocks.microsoft365.microsoft365 import Microsoft365

        tenant = Microsoft365.load("BLOCK_NAME")
        print(tenant.domain("contoso.com"))
        ```
    """

    _block_type_name = "Microsoft 365"
    _block_type_slug = "microsoft365"
    _description = "The customer's Microsoft 365: directory, Exchange Online and its migration service."
    _documentation_url = "https://mailmove.example/docs/blocks/microsoft365"  # type: ignore[assignment]
    _logo_url = "https://mailmove.example/logo.png"  # type: ignore[assignment]

    tenant_id: str = Field(description="Directory (tenant) id of the customer, a GUID.")
    client_id: str = Field(description="Application (client) id.")
    client_secret: SecretStr | None = Field(
        default=None, description="Client secret; used when there is no certificate."
    )
    certificate: SecretStr | None = Field(
        default=None, description="Certificate and private key of the application, both PEM; preferred to a secret."
    )
    refresh_token: SecretStr | None = Field(
        default=None,
        description="Refresh token of a partner's user, to work through GDAP, or of the tenant's administrator; "
        "`mailmove sign-in` fills it in.",
    )
    signed_in_as: str | None = Field(default=None, description="Who signed in with a code; `mailmove sign-in` says so.")
    signed_in_at: datetime | None = Field(default=None, description="When they did.")
    exchange_by: Literal["rest", "powershell"] = Field(
        default="rest", description="How cmdlets are run; powershell takes pwsh and its module on every worker."
    )
    pwsh: str = Field(default="pwsh", description="Program of PowerShell 7, for `exchange_by` powershell.")
    cloud: CloudName = Field(default="global", description="Which of Microsoft's clouds the tenant lives in.")
    exchange_public_key: str | None = Field(
        default=None, description="PEM public key with which Exchange Online wants passwords encrypted."
    )
    login_url: str | None = Field(default=None, description="Base of the sign-in service; empty: the cloud's own.")
    graph_url: str | None = Field(
        default=None, description="Base of Microsoft Graph, without version; empty: the cloud's own."
    )
    exchange_url: str | None = Field(
        default=None, description="Base of the Exchange Online admin endpoint; empty: the cloud's own."
    )
    extra_ca: str | None = Field(default=None, description="PEM of a further root certificate to trust.")

    _held: Held = PrivateAttr(default_factory=Held)

    def _parts(self) -> _Parts:
        return self._held.get(self._make)

    @property
    def _where(self) -> MicrosoftCloud:
        return CLOUDS[self.cloud]

    @property
    def _graph(self) -> str:
        return f"{(self.graph_url or self._where.graph).rstrip('/')}/v1.0"

    def _make(self) -> _Parts:
        tls, where = tls_context(self.extra_ca), self._where
        by_code = self.signed_in_at is not None  # a code is for public clients, which have no secret
        sign_in = SignIn(
            tenant=self.tenant_id,
            client_id=self.client_id,
            secret=None if by_code else self.client_secret,
            certificate=None if by_code else self.certificate,
            refresh_token=self.refresh_token,
            login_url=self.login_url or where.login,
            tls=tls,
        )
        graph = JsonClient(
            "Microsoft Graph",
            self._graph,
            lambda claims: sign_in.token(where.graph_scope, claims),
            tls,
        )
        admin = JsonClient(
            WHO,
            self.exchange_url or where.exchange,
            lambda claims: sign_in.token(where.exchange_scope, claims),
            tls,
        )
        exchange = (
            ExchangePowerShell(self.pwsh, lambda: sign_in.token(where.exchange_scope), self._connection())
            if self.exchange_by == "powershell"
            else ExchangeAdmin(admin, self.tenant_id, lambda: self._anchor(sign_in, graph))
        )
        return _Parts(
            sign_in=sign_in,
            graph=graph,
            exchange=exchange,
            domains=Domains(graph),
            dkim=Dkim(exchange),
            users=Users(graph),
            mailboxes=Mailboxes(exchange),
            recipients=Recipients(exchange, graph),
            delegates=Delegates(exchange),
            migration=Migration(exchange, self.exchange_public_key),
        )

    def _connection(self) -> dict[str, str]:
        """Parameters of Connect-ExchangeOnline. Unverified for a person's token: that it wants their name so."""
        where = {"ExchangeEnvironmentName": ENVIRONMENTS[self.cloud]}
        if self.refresh_token is None:
            return {**where, "Organization": self.tenant_id}
        return {**where, "DelegatedOrganization": self.tenant_id, "UserPrincipalName": self.signed_in_as or ""}

    def _anchor(self, sign_in: SignIn, graph: JsonClient) -> str:
        """Unverified for partners: CIPP-API sends the initial domain's system mailbox for organisation cmdlets."""
        if not sign_in.delegated:
            return APP_ANCHOR.format(tenant=self.tenant_id)
        for domain in graph.pages("domains", wanted="the tenant's initial domain"):
            if domain.get("isInitial"):
                return PARTNER_ANCHOR.format(domain=domain["id"])
        raise Blocked("Microsoft Graph", wanted="the initial domain", seen="none", todo="Check tenant_id.")

    def sign_in(self, show: Callable[[str], None]) -> str:
        return sign_in_for(self, self._where, show)

    def findings(self) -> list[Finding]:
        parts = self._parts()
        found = age_findings("Microsoft 365", self.signed_in_as, self.signed_in_at)
        found += findings(
            parts.graph,
            lambda: parts.sign_in.token(self._where.graph_scope),
            parts.exchange,
            consent=consent_link(self.login_url or self._where.login, self.tenant_id, self.client_id),
            traces=self._where.traces,
        )
        if self.exchange_public_key is None and self.exchange_by == "rest":
            found.append(
                Finding(
                    subject="exchange_public_key",
                    seen="not set",
                    means="Mailmove cannot make the migration endpoint itself",
                    todo="Make it in the Exchange admin centre and name it in `target.endpoint` of the plan.",
                )
            )
        return found

    def domain(self, name: str) -> Domain | None:
        return self._parts().domains.get(name)

    def add_domain(self, name: str) -> Domain:
        return self._parts().domains.add(name)

    def verify_domain(self, name: str) -> Domain:
        return self._parts().domains.verify(name)

    def enable_mail(self, name: str) -> Domain:
        return self._parts().domains.enable_mail(name)

    def remove_domain(self, name: str) -> None:
        self._parts().domains.remove(name)

    def dkim_records(self, domain: str) -> tuple[RRset, ...]:
        return self._parts().dkim.records(domain)

    def prepare_dkim(self, domain: str) -> tuple[RRset, ...]:
        return self._parts().dkim.prepare(domain)

    def dkim_signing(self, domain: str) -> bool:
        return self._parts().dkim.signing(domain)

    def set_dkim_signing(self, domain: str, on: bool) -> None:
        self._parts().dkim.set_signing(domain, on)

    def endpoint(self, name: str) -> Endpoint | None:
        return self._parts().migration.endpoint(name)

    def test_endpoint(self, name: str) -> None:
        self._parts().migration.test_endpoint(name)

    def create_endpoint(self, endpoint: Endpoint, source: SourceServer) -> Endpoint:
        return self._parts().migration.create_endpoint(endpoint, source)

    def remove_endpoint(self, name: str) -> None:
        self._parts().migration.remove_endpoint(name)

    def batch(self, name: str) -> MigrationBatch | None:
        return self._parts().migration.batch(name)

    def create_batch(self, name: str, endpoint: str) -> MigrationBatch:
        return self._parts().migration.create_batch(name, endpoint)

    def start_batch(self, name: str) -> None:
        self._parts().migration.start_batch(name)

    def sync_batch_now(self, name: str) -> None:
        self._parts().migration.sync_now(name)

    def remove_batch(self, name: str) -> None:
        self._parts().migration.remove_batch(name)

    def migration_users(self, batch: str) -> list[MigrationUser]:
        return self._parts().migration.users(batch)

    def skipped_items(self, user: str) -> list[SkippedItem]:
        return self._parts().migration.skipped(user)

    def recipients(self) -> list[Recipient]:
        return self._parts().recipients.every()

    def directory_sync(self) -> bool:
        return self._parts().recipients.synchronised()

    def x500_addresses(self) -> dict[str, frozenset[str]]:
        return self._parts().mailboxes.x500()

    def change_x500(self, mailbox: str, *, add: frozenset[str], remove: frozenset[str]) -> None:
        self._parts().mailboxes.change_x500(mailbox, add, remove)

    def grants(self, mailboxes: Sequence[str]) -> list[Grant]:
        return self._parts().delegates.of(mailboxes)

    def give(self, grant: Grant) -> None:
        self._parts().delegates.give(grant)

    def take(self, grant: Grant) -> None:
        self._parts().delegates.take(grant)

    def password_dates(self, user: str) -> tuple[datetime, datetime]:
        return self._parts().users.password_dates(user)

    def set_password(self, user: str, password: SecretStr, *, must_change: bool) -> None:
        self._parts().users.set_password(user, password, must_change)

    def mailbox_kinds(self) -> dict[str, MailboxKind]:
        return self._parts().mailboxes.kinds()

    def set_mailbox_kind(self, mailbox: str, kind: MailboxKind) -> None:
        self._parts().mailboxes.set_kind(mailbox, kind)

    def licences(self) -> list[Licence]:
        return self._parts().users.licences()

    def licence_of(self, user: str) -> tuple[str | None, frozenset[str]]:
        return self._parts().users.licence_of(user)

    def set_licence(self, user: str, usage_location: str | None, skus: frozenset[str]) -> None:
        self._parts().users.set_licence(user, usage_location, skus)

    def items(self, mailbox: str) -> Iterator[Item]:
        return items(self._parts().graph, mailbox)

    def item_changes(self) -> MailboxChanges:
        """For the ledger of items."""
        return GraphChanges(self._parts().graph)

    def find_messages(self, mailbox: str, message_ids: Sequence[str]) -> list[Item]:
        return messages.find(self._parts().graph, mailbox, message_ids)

    def messages_since(self, mailbox: str, since: datetime) -> Iterator[Item]:
        return messages.since(self._parts().graph, mailbox, since)

    def message_content(self, mailbox: str, item_id: str) -> bytes:
        return messages.content(self._parts().graph, mailbox, item_id)

    def remove_message(self, mailbox: str, item_id: str) -> None:
        messages.remove(self._parts().graph, mailbox, item_id)

    def destination(self, limits: Limits | None = None) -> Destination:
        """For a copy of our own. limits: other than Microsoft's, for a rehearsal."""
        parts = self._parts()

        def imports() -> bool:
            held = granted(parts.sign_in.token(self._where.graph_scope))
            return held is not None and IMPORT_PERMISSION in held

        importer = Importer(parts.graph, tls_context(self.extra_ca))
        return GraphDestination(parts.graph, imports=imports, importer=importer, limits=limits)

    def copy_findings(self) -> list[Finding]:
        return copy_findings(lambda: self._parts().sign_in.token(self._where.graph_scope))

    def clock(self) -> datetime:
        return clock_at(self._graph, "Microsoft Graph", tls_context(self.extra_ca))

    def message_traces(self, since: datetime) -> list[TraceEntry]:
        if not self._where.traces:
            raise Blocked(
                "Microsoft Graph",
                wanted="message traces",
                seen=f"none in the cloud {self.cloud}",
                todo="Look in the Exchange admin centre from where mail arrives, and say so at the question.",
            )
        return message_traces(self._parts().graph, since)
