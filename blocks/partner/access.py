"""What must follow an approved relationship before anybody can work in the customer's tenant.

A security group of the partner's gets the relationship's roles (Graph accessAssignments), and the partner's
application is consented to in the customer's tenant (Partner Center applicationconsents). Sources: learn.microsoft.com
graph/api/delegatedadminrelationship-post-accessassignments; partner-center developer control-panel-vendor-apis
(application consents); partner-center-docs-powershell exchange-online-gdap-app.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.fields import part, text
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.signing_in.entra import NO_ACCESS, NO_CONSENT
from blocks.partner.relationships import PATH
from mailmove.errors import Blocked, Drifted, NotYet, Refused
from mailmove.plan.required_permissions import consented_scopes
from mailmove.tenant_state import Relationship
from mailmove.tenant_states import ASSIGNMENTS, Step

GRAPH_APPLICATION = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APPLICATION = "00000002-0000-0ff1-ce00-000000000000"
CONSENT_ROLE = "158c047a-c907-4556-b7ef-446551a6b5f7"
"""Template id of Cloud Application Administrator, the least role that may consent (entra permissions-reference)."""

_CLOSED = {NO_CONSENT, NO_ACCESS}
_CONSENT_EXISTS = "ConsentExists"
"""Our name for a refusal that Partner Center has a sentence for only."""


class Assignments:
    """Which of the partner's groups holds a relationship's roles."""

    def __init__(self, graph: JsonClient, roles: Sequence[str]) -> None:
        self._graph, self._roles = graph, roles

    def status(self, relationship_id: str, group: str) -> str:
        """As Graph says it, of an assignment that is not over; "": the group has nothing."""
        assignment = self._assignment(relationship_id, group)
        return "" if assignment is None else text(assignment, "status")

    def assign(self, relationship_id: str, group: str) -> None:
        """Give the group every role of the relationship. NotYet: Microsoft is still at it. Blocked: it has failed."""
        wanted = f"the relationship's roles for group {group}"
        if not self.status(relationship_id, group):
            body = {
                "accessContainer": {"accessContainerId": group, "accessContainerType": "securityGroup"},
                "accessDetails": {"unifiedRoles": [{"roleDefinitionId": role} for role in self._roles]},
            }
            try:
                self._graph.call("POST", _path(relationship_id), wanted=wanted, json=body)
            except Drifted:
                # 409: another run, or a try whose answer was lost, was quicker.
                if not self.status(relationship_id, group):
                    raise
        status = self.status(relationship_id, group)
        state = ASSIGNMENTS.of(status) if status else None
        if state and state.step is Step.ASK:
            raise Blocked("Microsoft Graph", wanted=wanted, seen=f"an assignment that is {status}", todo=state.todo)
        if state is None or state.step is not Step.DONE:
            raise NotYet(
                "Microsoft Graph", wanted=wanted, seen=status or "nothing so far", todo="Look again in a minute."
            )

    def _assignment(self, relationship_id: str, group: str) -> Json | None:
        rows = self._graph.pages(_path(relationship_id), wanted="who holds the relationship's roles")
        for row in rows:
            same = text(part(row, "accessContainer"), "accessContainerId").lower() == group.lower()
            if same and ASSIGNMENTS.step(text(row, "status")) is not Step.GONE:
                return row
        return None


class Consents:
    """The partner's application in the customer's tenant. redeem: gets the tokens there by the partner's refresh token,
    for Graph and for Exchange. link: where the customer's administrator consents.
    """

    def __init__(
        self, partner_center: JsonClient, client_id: str, redeem: Callable[[str], str], link: Callable[[str], str]
    ) -> None:
        self._http, self._client_id, self._redeem, self._link = partner_center, client_id, redeem, link

    def given(self, customer: str) -> bool:
        """Do tokens of ours open the tenant's Graph and its Exchange? Partner Center has no call that reads consents,
        so it is tried.

        Unverified: that a missing consent is AADSTS65001, and that before the group's roles have reached the tenant,
        which hides whether there is a consent, it is AADSTS50020.
        """
        try:
            self._redeem(customer)
        except Refused as error:
            if error.code in _CLOSED:
                return False
            raise
        return True

    def give(self, customer: str) -> None:
        wanted = "our application consented to in the customer's tenant"
        body = {
            "applicationId": self._client_id,
            "applicationGrants": [
                {"enterpriseApplicationId": GRAPH_APPLICATION, "scope": ",".join(consented_scopes())},
                {"enterpriseApplicationId": EXCHANGE_APPLICATION, "scope": "Exchange.Manage"},
            ],
        }
        try:
            self._http.call("POST", _consents(customer), wanted=wanted, json=body, code_of=_code_of)
        except (Rejected, Drifted) as error:
            if error.code != _CONSENT_EXISTS:
                raise
        if not self.given(customer):
            todo = "Look again in a minute. One that was given before and lacks Graph or Exchange is left as it is: "
            todo += f"then an administrator of theirs consents at {self._link(customer)}"
            raise NotYet("Partner Center", wanted=wanted, seen="no token for both Graph and Exchange", todo=todo)

    def take_back(self, customer: str) -> None:
        try:
            self._http.call(
                "DELETE",
                f"{_consents(customer)}/{quote(self._client_id, safe='')}",
                wanted="our application's consent taken back",
            )
        except Rejected as error:
            if error.status != 404:  # there is no such consent; Partner Center's own codes for that are not published
                raise
        if self.given(customer):
            raise NotYet("Partner Center", wanted="the consent taken back", seen="it still holds", todo="Look again.")


def is_active(status: str) -> bool:
    """Of an access assignment; "": there is none."""
    return bool(status) and ASSIGNMENTS.step(status) is Step.DONE


def missing(
    relationship: Relationship, assignments: Assignments, group: str | None, consents: Consents | None
) -> dict[str, str | None]:
    """What has not been given yet after the approval, in words -> what stands today."""
    lacks: dict[str, str | None] = {}
    if group is not None and not is_active(status := assignments.status(relationship.id, group)):
        lacks[f"roles of '{relationship.display_name}' for group {group}"] = status or None
    if consents is not None and relationship.customer_tenant_id and not consents.given(relationship.customer_tenant_id):
        lacks[consent_name(relationship)] = None
    return lacks


def consent_name(relationship: Relationship) -> str:
    """Under which previews and receipts have our application's consent."""
    return f"consent to our application in tenant {relationship.customer_tenant_id}"


def _code_of(code: str, words: str) -> str | None:
    """Unverified: no page lists this call's errors. "Permission entry already exists." is what CIPP-API and scripts
    for New-PartnerCustomerApplicationConsent look for; the code beside it (in the lab "409") says nothing."""
    return _CONSENT_EXISTS if "already exists" in words else None


def _path(relationship_id: str) -> str:
    return f"{PATH}/{quote(relationship_id, safe='')}/accessAssignments"


def _consents(customer: str) -> str:
    return f"customers/{quote(customer, safe='')}/applicationconsents"
