"""Partner Center REST v1: the reseller link, is a domain taken, make a customer, consent, carts and orders."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from lab.cloud.errors import ApiError
from lab.cloud.login import EXCHANGE, GRAPH, PARTNER, Login
from lab.cloud.partner_orders import PartnerOrders
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply, Routes
from lab.faults import Faults

_BILLING = ["Email", "Culture", "Language", "CompanyName", "FirstName", "LastName", "DefaultAddress"]


_AUDIENCES = {"00000003-0000-0000-c000-000000000000": GRAPH, "00000002-0000-0ff1-ce00-000000000000": EXCHANGE}


class PartnerCenter:
    def __init__(self, tenant: Tenant, login: Login, faults: Faults) -> None:
        self.tenant, self.login = tenant, login
        orders = PartnerOrders(tenant, login, faults)
        self.price_sheet = orders.price_sheet
        self._routes = Routes()
        self._routes.add("GET", "/customers/relationshiprequests", self._link)
        self._routes.add("GET", "/customers", self._customers)
        self._routes.add("POST", "/customers", self._create)
        self._routes.add("POST", "/customers/{key}/applicationconsents", self._consent)
        self._routes.add("DELETE", "/customers/{key}/applicationconsents/{client_id}", self._take_back)
        orders.add_routes(self._routes)
        self._routes.add("HEAD", "/domains/{name}", self._domain)

    def serve(self, call: Call) -> Reply:
        call.claims = self.login.admit(call.headers.get("authorization", ""), PARTNER)
        # App+User only, in the partner's own tenant.
        if "scp" not in call.claims or call.claims["tid"] != self.login.partner.tenant_id:
            raise ApiError(403, "403", "Partner Center takes App+User tokens of the partner's tenant only.")
        route, arguments = self._routes.find(call.method, call.path)
        answer = route.handler(call, **arguments)
        self.tenant.note(call.method, call.path, answer.status)
        answer.headers |= {"MS-RequestId": str(uuid4()), "MS-CorrelationId": str(uuid4())}
        return answer

    def _link(self, call: Call) -> Reply:
        url = (
            "https://admin.microsoft.com/Adminportal/Home?invType=ResellerRelationship"
            f"&partnerId={self.login.partner.tenant_id}&msppId=0&DAP=false#/BillingAccounts/partner-invitation"
        )
        return Reply(200, {"url": url, "attributes": {"objectType": "CustomerRelationshipRequest"}})

    def _domain(self, call: Call, name: str) -> Reply:
        taken = name.lower() in {self.tenant.initial_domain, *self.tenant.customers}
        return Reply(200 if taken else 404)

    def _customers(self, call: Call) -> Reply:
        rows = list(self.tenant.customers.values())
        if self.tenant.resold:
            profile = {"domain": self.tenant.initial_domain, "tenantId": self.tenant.id}
            rows.append({"id": self.tenant.id, "companyProfile": profile})
        # Seek-based: where to go on travels in a header, which the link names.
        start, size = int(call.headers.get("ms-continuationtoken") or 0), int(call.query.get("size") or 100)
        end = start + min(size, call.most_rows or size)
        links: dict[str, Any] = {"self": {"uri": f"/v1/customers?size={size}", "method": "GET", "headers": []}}
        if end < len(rows):
            token = [{"key": "MS-ContinuationToken", "value": str(end)}]
            uri = f"/v1/customers?size={size}&seekOperation=Next"
            links["next"] = {"uri": uri, "method": "GET", "headers": token}
        return Reply(200, {"totalCount": len(rows), "items": rows[start:end], "links": links})

    def _create(self, call: Call) -> Reply:
        body: dict[str, Any] = {name.lower(): value for name, value in (call.body or {}).items()}
        domain = _get(body.get("companyprofile"), "Domain")
        missing = [name for name in _BILLING if not _get(body.get("billingprofile"), name)]
        if not domain or missing:
            raise ApiError(400, "2004", f"Missing: {', '.join(missing) or 'companyProfile.domain'}.")
        if domain.lower() in {self.tenant.initial_domain, *self.tenant.customers}:
            raise ApiError(409, "600041", "The domain is not available.")
        row = {"id": str(uuid4()), "companyProfile": {"domain": domain, "tenantId": str(uuid4())}}
        with self.tenant.lock:
            self.tenant.customers[domain.lower()] = row
        return Reply(201, row | {"userCredentials": {"userName": "admin", "password": uuid4().hex}})

    def _consent(self, call: Call, key: str) -> Reply:
        self._may_consent(key)
        client, grants = _get(call.body, "ApplicationId"), _get(call.body, "ApplicationGrants")
        if not client or not isinstance(grants, list):
            raise ApiError(400, "2004", "ApplicationId and ApplicationGrants are required.")
        if client in self.tenant.consents:
            raise ApiError(409, "409", "Permission entry already exists.")
        scopes: dict[str, set[str]] = {}
        for grant in grants:
            audience = _AUDIENCES.get(_get(grant, "EnterpriseApplicationId"))
            if audience is None:
                raise ApiError(400, "2004", "The enterprise application is not known.")
            # What a person's token always holds besides: reading the directory as themselves.
            scopes[audience] = {*str(_get(grant, "Scope")).split(","), "User.Read.All", "Organization.Read.All"}
        with self.tenant.lock:
            self.tenant.consents[client] = scopes
        return Reply(201, call.body)

    def _take_back(self, call: Call, key: str, client_id: str) -> Reply:
        self._may_consent(key)
        if self.tenant.consents.pop(client_id, None) is None:
            raise ApiError(404, "404", "There is no such consent.")
        return Reply(204)

    def _may_consent(self, key: str) -> None:
        if key.lower() != self.tenant.id or not self.login.may_consent():
            raise ApiError(403, "403", "The partner's user holds no role that may consent in this tenant.")


def _get(body: Any, name: str) -> Any:
    """A member by name in any case: Partner Center does not mind."""
    members = body if isinstance(body, dict) else {}
    return next((value for spelt, value in members.items() if spelt.lower() == name.lower()), None)
