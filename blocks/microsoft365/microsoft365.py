"""The customer's Microsoft 365 tenant, as a Prefect block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr

from blocks.microsoft365.clouds import CLOUDS, CloudName, MicrosoftCloud, consent_link
from blocks.microsoft365.cmdlet_errors import WHO
from blocks.microsoft365.creation import Creation
from blocks.microsoft365.dkim import Dkim
from blocks.microsoft365.domains import Domains
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.exchange_powershell import ENVIRONMENTS, ExchangePowerShell
from blocks.microsoft365.fields import flag_or, text
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.tenant_items import Items
from blocks.microsoft365.mail_rules import MailJudgement
from blocks.microsoft365.mailbox_permissions import MailboxPermissions
from blocks.microsoft365.mailboxes import Mailboxes
from blocks.microsoft365.messages import Messages
from blocks.microsoft365.migration import Migration
from blocks.microsoft365.permissions import SIGN_IN, credential_findings, findings
from blocks.microsoft365.recipients import Recipients
from blocks.microsoft365.signing_in.browser_sign_in import browser_sign_in_for
from blocks.microsoft365.signing_in.device_code import age_findings, sign_in_for
from blocks.microsoft365.signing_in.expiring import certificate_findings, secret_findings
from blocks.microsoft365.signing_in.public_answers import holder_of
from blocks.microsoft365.signing_in.sign_in import SignIn
from blocks.microsoft365.signing_in.sign_in_rules import SignIns
from blocks.microsoft365.tenant_check.ask import Asked, ask_all
from blocks.microsoft365.users import Users
from blocks.process_local import ProcessLocal
from blocks.provider_block import ProviderBlock
from blocks.server_clock import clock_at
from blocks.tls_roots import tls_context
from mailmove.errors import Blocked
from mailmove.evidence import Finding
from mailmove.ports import Checkable, TakesSignIn, Tenant
from mailmove.tenant_state import DomainHolder


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
    creation: Creation
    permissions: MailboxPermissions
    migration: Migration
    messages: Messages
    items: Items
    mail_rules: MailJudgement
    sign_ins: SignIns


class Microsoft365(ProviderBlock, Tenant, Checkable, TakesSignIn):
    """A Microsoft 365 tenant: Graph, Exchange Online and its migration service.

    Sign in as an application of the tenant (certificate, or client secret), or, with `refresh_token`, as a person: the
    partner's user by way of an active GDAP relationship, or an administrator of the tenant.
    """

    _block_type_name = "Microsoft 365"
    _block_type_slug = "microsoft365"
    _description = "The customer's Microsoft 365: directory, Exchange Online and its migration service."

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
        default=None,
        description="PEM public key for passwords, only where Exchange Online's own module file cannot be read.",
    )
    login_url: str | None = Field(default=None, description="Base of the sign-in service; empty: the cloud's own.")
    graph_url: str | None = Field(
        default=None, description="Base of Microsoft Graph, without version; empty: the cloud's own."
    )
    exchange_url: str | None = Field(
        default=None, description="Base of the Exchange Online admin endpoint; empty: the cloud's own."
    )
    extra_ca: str | None = Field(default=None, description="PEM of a further root certificate to trust.")

    _connections: ProcessLocal = PrivateAttr(default_factory=ProcessLocal)

    def _parts(self) -> _Parts:
        return self._connections.get(self._make)

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
            regions=where.exchange_regions,
        )
        exchange = (
            ExchangePowerShell(self.pwsh, lambda: sign_in.token(where.exchange_scope), lambda: self._connection(graph))
            if self.exchange_by == "powershell"
            else ExchangeAdmin(admin, self.tenant_id)
        )
        users = Users(graph)
        return _Parts(
            sign_in=sign_in,
            graph=graph,
            exchange=exchange,
            domains=Domains(graph, exchange, self._holder),
            dkim=Dkim(exchange),
            users=users,
            mailboxes=Mailboxes(exchange),
            recipients=Recipients(exchange, graph),
            creation=Creation(exchange, graph),
            permissions=MailboxPermissions(exchange),
            migration=Migration(exchange, self.exchange_public_key),
            messages=Messages(graph, self.cloud, exchange),
            items=Items(graph, lambda: sign_in.token(where.graph_scope), tls),
            mail_rules=MailJudgement(exchange),
            sign_ins=SignIns(graph, users),
        )

    def _holder(self, domain: str) -> DomainHolder:
        """A domain that was ours a moment ago may still be shown as ours."""
        holder = holder_of(domain, self.login_url or self._where.login, self.extra_ca)
        return DomainHolder(kind="none") if holder.tenant_id == self.tenant_id.lower() else holder

    def _connection(self, graph: JsonClient) -> dict[str, str]:
        """Parameters of Connect-ExchangeOnline. Unverified for a person's token: that it wants their name so.

        Its pages want the initial domain for an organisation; an id is taken by some calls only.
        """
        initial = self._initial_domain(graph)
        where = {"ExchangeEnvironmentName": ENVIRONMENTS[self.cloud]}
        if self.refresh_token is None:
            return {**where, "Organization": initial}
        return {**where, "DelegatedOrganization": initial, "UserPrincipalName": self.signed_in_as or ""}

    def _initial_domain(self, graph: JsonClient) -> str:
        for domain in graph.pages("domains", wanted="the tenant's initial domain"):
            if flag_or(domain, "isInitial"):
                return text(domain, "id")
        raise Blocked("Microsoft Graph", wanted="the initial domain", seen="none", todo="Check tenant_id.")

    def sign_in(self, show: Callable[[str], None]) -> str:
        return sign_in_for(self, self._where, show)

    def sign_in_by_browser(self, show: Callable[[str], None], *, port: int = 0) -> str:
        return browser_sign_in_for(self, self._where, show, port=port)

    def findings(self) -> list[Finding]:
        parts = self._parts()
        faults = age_findings("Microsoft 365", self.signed_in_as, self.signed_in_at)
        faults += findings(
            parts.graph,
            lambda: parts.sign_in.token(self._where.graph_scope),
            parts.exchange,
            consent=consent_link(self.login_url or self._where.login, self.tenant_id, self.client_id),
            graph_traces=self._where.traces,
        )
        if self.signed_in_at is None and self.certificate is not None:
            faults += certificate_findings(self.certificate)
        elif self.signed_in_at is None and self.client_secret is not None and self.refresh_token is None:
            faults += secret_findings(parts.graph, self.client_id, self.client_secret)
        if not any(fault.subject == SIGN_IN for fault in faults):
            faults += credential_findings(parts.exchange, named_key=self.exchange_public_key is not None)
        return faults

    def tenant_check(self) -> list[Asked]:
        """Ask what a real tenant alone can settle; nothing is changed. Blocked: cmdlets go by PowerShell."""
        parts = self._parts()
        if self.exchange_by == "powershell":
            raise Blocked(
                WHO, wanted="the answers of the admin endpoint", seen="`exchange_by` is powershell",
                todo="Set it to rest in a copy of this block, and check that.",
            )  # fmt: skip
        return ask_all(parts.graph, parts.exchange, parts.exchange.http)

    @property
    def domains(self) -> Domains:
        return self._parts().domains

    @property
    def dkim(self) -> Dkim:
        return self._parts().dkim

    @property
    def migration(self) -> Migration:
        return self._parts().migration

    @property
    def recipients(self) -> Recipients:
        return self._parts().recipients

    @property
    def mailboxes(self) -> Mailboxes:
        return self._parts().mailboxes

    @property
    def creation(self) -> Creation:
        return self._parts().creation

    @property
    def permissions(self) -> MailboxPermissions:
        return self._parts().permissions

    @property
    def users(self) -> Users:
        return self._parts().users

    @property
    def messages(self) -> Messages:
        return self._parts().messages

    @property
    def items(self) -> Items:
        return self._parts().items

    @property
    def mail_rules(self) -> MailJudgement:
        return self._parts().mail_rules

    @property
    def sign_ins(self) -> SignIns:
        return self._parts().sign_ins

    def clock(self) -> datetime:
        return clock_at(self._graph, "Microsoft Graph", tls_context(self.extra_ca))
