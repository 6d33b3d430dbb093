"""The partner's access to a customer: GDAP through Microsoft Graph, reseller link from Partner Center."""

from __future__ import annotations

from dataclasses import dataclass

from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr

from blocks.partner.relationships import DEFAULT_ROLES, Relationships
from blocks.target.held import Held
from blocks.target.http import JsonClient
from blocks.target.sign_in import GRAPH_SCOPE, MICROSOFT_LOGIN, PARTNER_CENTER_SCOPE, SignIn
from blocks.target.trust import tls_context
from mailmove.cloud_state import Relationship
from mailmove.errors import MailmoveError, Refused, Transient
from mailmove.evidence import Finding
from mailmove.ports import Checkable, Partner

WHO = "Partner Center"


@dataclass
class _Parts:
    relationships: Relationships
    partner_center: JsonClient


class PartnerCenter(Block, Partner, Checkable):
    """The partner's own tenant, from which customers are invited.

    Microsoft offers this to an application acting for a signed-in user with MFA only (App+User);
    indirect resellers have no API access to Partner Center.

    Example:
        Load a configured partner:
        ```python
        from blocks.partner.partner_center import PartnerCenter

        partner = PartnerCenter.load("BLOCK_NAME")
        print(partner.invite("Mailmove contoso").approval_link)
        ```
    """

    _block_type_name = "Partner Center"
    _block_type_slug = "partner-center"
    _description = "The partner's access to customers: GDAP relationships and the reseller link."
    _documentation_url = "https://mailmove.example/docs/blocks/partner-center"  # type: ignore[assignment]
    _logo_url = "https://mailmove.example/logo.png"  # type: ignore[assignment]

    tenant_id: str = Field(description="Directory (tenant) id of the partner, a GUID.")
    client_id: str = Field(description="Application (client) id of the partner's multi-tenant application.")
    client_secret: SecretStr = Field(description="Client secret of that application.")
    refresh_token: SecretStr = Field(
        description="Refresh token of a partner user who signed in with MFA; lasts 90 days."
    )
    roles: list[str] = Field(
        default=list(DEFAULT_ROLES),
        min_length=1,
        description="Template ids of the Entra roles to ask the customer for.",
    )
    duration: str = Field(
        default="P90D", pattern=r"^P\d+[DMY]$", description="How long the access lasts, ISO 8601, P1D to P2Y."
    )
    login_url: str = Field(default=MICROSOFT_LOGIN, description="Base of the sign-in service.")
    graph_url: str = Field(
        default="https://graph.microsoft.com", description="Base of Microsoft Graph, without version."
    )
    partner_center_url: str = Field(
        default="https://api.partnercenter.microsoft.com",
        description="Base of the Partner Center API, without version.",
    )
    extra_ca: str | None = Field(default=None, description="PEM of a further root certificate to trust.")

    _held: Held = PrivateAttr(default_factory=Held)

    def _parts(self) -> _Parts:
        return self._held.get(self._make)

    def _make(self) -> _Parts:
        tls = tls_context(self.extra_ca)
        sign_in = SignIn(
            tenant=self.tenant_id,
            client_id=self.client_id,
            secret=self.client_secret,
            refresh_token=self.refresh_token,
            login_url=self.login_url,
            tls=tls,
        )
        graph = JsonClient(
            "Microsoft Graph",
            f"{self.graph_url.rstrip('/')}/v1.0",
            lambda claims: sign_in.token(GRAPH_SCOPE, claims),
            tls,
        )
        partner_center = JsonClient(
            WHO,
            f"{self.partner_center_url.rstrip('/')}/v1",
            lambda claims: sign_in.token(PARTNER_CENTER_SCOPE, claims),
            tls,
        )
        return _Parts(Relationships(graph, self.roles, self.duration), partner_center)

    def relationship(self, display_name: str) -> Relationship | None:
        return self._parts().relationships.live(display_name)

    def invite(self, display_name: str) -> Relationship:
        return self._parts().relationships.invite(display_name)

    def withdraw(self, relationship_id: str) -> None:
        self._parts().relationships.withdraw(relationship_id)

    def reseller_link(self) -> str:
        body = self._parts().partner_center.get("customers/relationshiprequests", wanted="the reseller link")
        link = body.get("url")
        if not isinstance(link, str) or not link.startswith("https://"):
            raise Transient(WHO, wanted="the reseller link", seen="an answer without `url`", todo="Ask again.")
        return link

    def findings(self) -> list[Finding]:
        """Can relationships be listed, and does Partner Center let us in?"""
        found = []
        probes = {
            "DelegatedAdminRelationship.ReadWrite.All": lambda: self._parts().relationships.live(""),
            "Partner Center user_impersonation": self.reseller_link,
        }
        for subject, probe in probes.items():
            try:
                probe()
            except MailmoveError as error:
                found.append(
                    Finding(
                        subject=subject,
                        seen=error.seen,
                        means="no customer can be invited",
                        todo=f"{error.todo} The user must have signed in with multi-factor authentication.",
                        blocks=isinstance(error, Refused),
                    )
                )
        return found
