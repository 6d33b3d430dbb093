"""The partner's access to a customer: GDAP by Microsoft Graph; reseller link, consent, orders by Partner Center."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prefect.blocks.system import Secret
from pydantic import Field, PrivateAttr, SecretStr

from blocks.microsoft365.clouds import CLOUDS, CloudName, MicrosoftCloud, consent_link
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.signing_in.browser_sign_in import browser_sign_in_for
from blocks.microsoft365.signing_in.device_code import age_findings, sign_in_for
from blocks.microsoft365.signing_in.sign_in import SignIn
from blocks.partner.access import CONSENT_ROLE, Assignments, Consents, consent_name, is_active, missing
from blocks.partner.agreements import Agreements
from blocks.partner.purchases import Customers, Orders, PriceSheet
from blocks.partner.relationships import DEFAULT_ROLES, Relationships
from blocks.process_local import ProcessLocal
from blocks.provider_block import ProviderBlock
from blocks.tls_roots import tls_context
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused, Transient
from mailmove.evidence import Finding
from mailmove.plan.purchase import NewCustomer, Order, Price, Product, Purchase
from mailmove.ports import Checkable, Partner, TakesSignIn
from mailmove.tenant_state import Relationship
from mailmove.tenant_states import CARTS, Step

WHO = "Partner Center"


@dataclass
class _Parts:
    relationships: Relationships
    assignments: Assignments
    consents: Consents
    partner_center: JsonClient
    customers: Customers
    agreements: Agreements
    orders: Orders
    prices: PriceSheet


class PartnerCenter(ProviderBlock, Partner, Checkable, TakesSignIn):
    """The partner's own tenant, from which customers are invited.

    Microsoft offers this to an application acting for a signed-in user with MFA only (App+User); `mailmove sign-in`
    signs one in. Indirect resellers have no API access to Partner Center: for them links are shown instead.
    """

    _block_type_name = "Partner Center"
    _block_type_slug = "partner-center"
    _description = "The partner's access to customers: GDAP relationships and the reseller link."

    tenant_id: str = Field(description="Directory (tenant) id of the partner, a GUID.")
    client_id: str = Field(description="Application (client) id of the partner's multi-tenant application.")
    client_secret: SecretStr | None = Field(
        default=None, description="Client secret of that application; empty: a public client."
    )
    refresh_token: SecretStr | None = Field(
        default=None,
        description="Refresh token of a partner user who signed in with MFA; 90 days. `mailmove sign-in` fills it in.",
    )
    signed_in_as: str | None = Field(default=None, description="Who signed in with a code; `mailmove sign-in` says so.")
    signed_in_at: datetime | None = Field(default=None, description="When they did.")
    kind: Literal["direct", "indirect-reseller"] = Field(
        default="direct", description="Indirect resellers have no API of Partner Center: they get links to send."
    )
    reseller_url: str | None = Field(
        default=None,
        pattern=r"^https://",
        description="For an indirect reseller: the link to a reseller relationship that Partner Center shows.",
    )
    group: str | None = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        description="Object id of the partner's security group that works for customers; the signed-in user is in it.",
    )
    roles: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Template ids of the Entra roles to ask the customer for; empty: the least that a cutover takes.",
    )
    duration: str = Field(
        default="P90D", pattern=r"^P\d+[DMY]$", description="How long the access lasts, ISO 8601, P1D to P2Y."
    )
    cloud: CloudName = Field(default="global", description="Which of Microsoft's clouds the partner is in.")
    login_url: str | None = Field(default=None, description="Base of the sign-in service; empty: the cloud's own.")
    graph_url: str | None = Field(
        default=None, description="Base of Microsoft Graph, without version; empty: the cloud's own."
    )
    partner_center_url: str | None = Field(
        default=None, description="Base of the Partner Center API, without version; empty: the cloud's own."
    )
    price_sheet_url: str | None = Field(
        default=None, description="Base of the price sheets, without version; empty: the cloud's own."
    )
    extra_ca: str | None = Field(default=None, description="PEM of a further root certificate to trust.")

    _connections: ProcessLocal = PrivateAttr(default_factory=ProcessLocal)

    def _parts(self) -> _Parts:
        return self._connections.get(self._make)

    @property
    def _where(self) -> MicrosoftCloud:
        return CLOUDS[self.cloud]

    @property
    def _asked_roles(self) -> list[str]:
        if self.roles is not None:
            return self.roles
        return [*DEFAULT_ROLES, CONSENT_ROLE] if self.kind == "direct" else list(DEFAULT_ROLES)

    def _signed_in(self, tenant: str) -> SignIn:
        if self.refresh_token is None:
            raise Blocked(
                "Block",
                wanted="to sign in as the partner",
                seen="nobody signed in",
                todo="Sign in: `mailmove sign-in partner-center/<name of this block>`.",
            )
        return SignIn(
            tenant=tenant,
            client_id=self.client_id,
            # A code is for public clients, which have no secret.
            secret=None if self.signed_in_at is not None else self.client_secret,
            refresh_token=self.refresh_token,
            login_url=self.login_url or self._where.login,
            tls=tls_context(self.extra_ca),
        )

    def _make(self) -> _Parts:
        tls, where = tls_context(self.extra_ca), self._where
        sign_in = self._signed_in(self.tenant_id)

        def client(who: str, own: str | None, clouds: str | None, path: str, scope: str | None) -> JsonClient:
            base, audience = own or clouds or "https://none.invalid", scope or f"{clouds}/user_impersonation"
            if clouds is None or not (who == "Microsoft Graph" or self.kind == "direct"):
                return JsonClient(who, base, self._none, tls)
            return JsonClient(who, f"{base.rstrip('/')}{path}", lambda claims: sign_in.token(audience, claims), tls)

        graph = client("Microsoft Graph", self.graph_url, where.graph, "/v1.0", where.graph_scope)
        partner_center = client(WHO, self.partner_center_url, where.partner_center, "/v1", None)
        return _Parts(
            relationships=Relationships(graph, self._asked_roles, self.duration, portal=where.portal),
            assignments=Assignments(graph, self._asked_roles),
            consents=Consents(partner_center, self.client_id, self._redeem, self._consent_link),
            partner_center=partner_center,
            customers=Customers(partner_center),
            agreements=Agreements(partner_center, where.portal),
            orders=Orders(partner_center),
            prices=PriceSheet(client("Price sheets", self.price_sheet_url, where.prices, "", None)),
        )

    def _none(self, claims: str | None) -> str:
        """Instead of a token, where there is no such service."""
        raise Blocked(
            WHO,
            wanted="an answer of its API",
            seen=f"none for {self.kind} partners in the cloud {self.cloud}",
            todo="Do this in Partner Center by hand, and take it out of the plan.",
        )

    def _redeem(self, customer: str) -> str:
        """Both tokens that the night takes: a consent is given for each application of Microsoft's by itself."""
        signed_in = self._signed_in(customer)
        signed_in.token(self._where.graph_scope)
        return signed_in.token(self._where.exchange_scope)

    def sign_in(self, show: Callable[[str], None]) -> str:
        return sign_in_for(self, self._where, show)

    def sign_in_by_browser(self, show: Callable[[str], None], *, port: int = 0) -> str:
        return browser_sign_in_for(self, self._where, show, port=port)

    def relationship(self, display_name: str) -> Relationship | None:
        return self._parts().relationships.live(display_name)

    def ended_relationship(self, display_name: str) -> Relationship | None:
        return self._parts().relationships.ended(display_name)

    def invite(self, display_name: str) -> Relationship:
        return self._parts().relationships.invite(display_name)

    def withdraw(self, relationship_id: str) -> None:
        self._parts().relationships.withdraw(relationship_id)

    def reseller_link(self) -> str:
        if self.kind == "indirect-reseller":
            if self.reseller_url is None:
                raise Blocked(
                    "Block",
                    wanted="the reseller link",
                    seen="no `reseller_url`",
                    todo="Copy it from Partner Center: Customers, Request a reseller relationship.",
                )
            return self.reseller_url
        body = self._parts().partner_center.get("customers/relationshiprequests", wanted="the reseller link")
        link = body.get("url")
        if not isinstance(link, str) or not link.startswith("https://"):
            raise Transient(WHO, wanted="the reseller link", seen="an answer without `url`", todo="Ask again.")
        return link

    def missing_access(self, relationship: Relationship) -> dict[str, str | None]:
        parts = self._parts()
        return missing(relationship, parts.assignments, self.group, parts.consents if self.group else None)

    def give_access(self, relationship: Relationship) -> None:
        parts, customer = self._parts(), relationship.customer_tenant_id
        if self.group is None or customer is None:
            return
        parts.assignments.assign(relationship.id, self.group)
        if parts.consents.given(customer):
            return
        if self.kind == "direct":
            parts.consents.give(customer)
            return
        raise NotYet(
            "Microsoft Entra ID",
            wanted="our application consented to in the customer's tenant",
            seen="no consent so far",
            todo=f"Send this link to the customer's administrator: {self._consent_link(customer)}",
        )

    def waits_for(self, relationship: Relationship) -> str | None:
        if self.kind == "direct" or self.group is None or relationship.customer_tenant_id is None:
            return None
        roles = self._parts().assignments.status(relationship.id, self.group)
        if not is_active(roles) or self._parts().consents.given(relationship.customer_tenant_id):
            return None
        return f"their consent to our application at {self._consent_link(relationship.customer_tenant_id)}"

    def _consent_link(self, customer: str) -> str:
        return consent_link(self.login_url or self._where.login, customer, self.client_id)

    def end_access(self, relationship: Relationship) -> None:
        if self.kind == "direct" and self.group and relationship.customer_tenant_id:
            self._parts().consents.take_back(relationship.customer_tenant_id)

    def is_consent(self, relationship: Relationship, access: str) -> bool:
        return access == consent_name(relationship)

    def customer(self, domain: str) -> str | None:
        customers = self._parts().customers
        if (known := customers.find(domain)) is None and customers.taken(domain):
            raise Blocked(
                WHO,
                wanted=f"the tenant {domain}",
                seen="a name that somebody has, and no customer of ours",
                todo="If it is the customer's own, take `new_customer` out of the plan; else choose another name.",
            )
        return known

    def make_customer(self, wanted: NewCustomer) -> str:
        existing = self.customer(wanted.domain)
        if existing is not None:
            return existing
        made, user, password = self._parts().customers.make(wanted)
        # Partner Center shows it once. Only here, encrypted, can it be read again.
        name = f"first-administrator-{wanted.domain.partition('.')[0]}"
        Secret(value={"user": f"{user}@{wanted.domain}", "password": password}).save(name, overwrite=True)
        return made

    def resells(self, customer: str) -> bool:
        return self._parts().customers.resells(customer)

    def agreement_accepted(self, customer: str) -> bool:
        return self._parts().agreements.accepted(customer)

    def agreement_link(self) -> str:
        return self._parts().agreements.link()

    def prices(self, wanted: Purchase) -> dict[str, Price]:
        return self._parts().prices.prices(wanted.market, wanted.products)

    def orders(self, customer: str) -> list[Order]:
        return self._parts().orders.lines(customer)

    def fill_cart(self, customer: str, products: Sequence[Product], note: str) -> str:
        return self._parts().orders.fill_cart(customer, products, note)

    def cart_ordered(self, customer: str, cart: str) -> bool | None:
        status = self._parts().orders.cart_status(customer, cart)
        state = None if status is None else CARTS.of(status)
        if state and state.step is Step.ASK:
            raise Blocked(
                WHO, wanted=f"whether the cart {cart} is ordered", seen=f"a cart that is {status}", todo=state.todo
            )
        return None if state is None or state.step is Step.GONE else state.step is Step.DONE

    def check_out(self, customer: str, cart: str) -> None:
        self._parts().orders.check_out(customer, cart)

    def findings(self) -> list[Finding]:
        """Can relationships be listed, and does Partner Center let us in?"""
        faults = age_findings(WHO, self.signed_in_as, self.signed_in_at)
        if self.group is None:
            faults.append(
                Finding(
                    subject="group",
                    seen="not set",
                    means="after the approval nobody of ours gets the relationship's roles by itself",
                    todo="Name the security group that works for customers, or assign it in Partner Center.",
                )
            )
        probes = {
            "DelegatedAdminRelationship.ReadWrite.All": lambda: self._parts().relationships.live(""),
            "Partner Center user_impersonation": self.reseller_link,
        }
        for subject, probe in probes.items():
            try:
                probe()
            except MailmoveError as error:
                faults.append(
                    Finding(
                        subject=subject,
                        seen=error.seen,
                        means="no customer can be invited",
                        todo=f"{error.todo} The user must have signed in with multi-factor authentication.",
                        blocks=isinstance(error, Refused),
                    )
                )
        return faults
