"""Partner Center: has the customer accepted the Microsoft Customer Agreement?

Sources: learn.microsoft.com partner-center/developer get-confirmation-of-customer-agreement (what a partner has
attested), get-direct-sign-status-of-customer-agreement (what the customer has signed), get-customer-agreement-metadata.
Since 5 January 2026 nobody orders for a customer without one (facts/microsoft-2026-11.md). Unverified: the code of the
refusal; "2093" is ours.
"""

from __future__ import annotations

from lab.cloud.errors import ApiError
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply, Routes
from lab.faults import Faults, declare

declare(
    hostile_agreement_missing="the customer has not accepted the Microsoft Customer Agreement: orders are refused "
    "until their administrator has (`Cloud.customer_accepts_agreement`)",
)

TYPE = "MicrosoftCustomerAgreement"
_TEMPLATE = "117a77b0-9360-443b-8795-c6dedc750cf9"


class PartnerAgreements:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults = tenant, faults

    def add_routes(self, routes: Routes) -> None:
        routes.add("GET", "/agreements", self._texts)
        routes.add("GET", "/customers/{key}/agreements", self._attested)
        routes.add("GET", "/customers/{key}/directSignedMicrosoftCustomerAgreementStatus", self._signed)

    @property
    def accepted(self) -> bool:
        return self.tenant.agreement_signed or not self.faults.take("hostile.agreement_missing")

    def _ours(self, key: str) -> None:
        if key.lower() != self.tenant.id or not self.tenant.resold:
            raise ApiError(404, "600001", "The customer was not found among those of this partner.")

    def _texts(self, call: Call) -> Reply:
        row = {"templateId": _TEMPLATE, "type": TYPE, "agreementLink": "https://aka.ms/customeragreement",
               "versionRank": 0}  # fmt: skip
        return Reply(200, {"totalCount": 1, "items": [row], "attributes": {"objectType": "Collection"}})

    def _attested(self, call: Call, key: str) -> Reply:
        """What the partner has attested for the customer. Without a type: those of the old Cloud Agreement alone."""
        self._ours(key)
        return Reply(200, {"totalCount": 0, "items": [], "attributes": {"objectType": "Collection"}})

    def _signed(self, call: Call, key: str) -> Reply:
        self._ours(key)
        return Reply(
            200, {"isSigned": self.accepted, "attributes": {"objectType": "DirectSignedCustomerAgreementStatus"}}
        )

    def must_be_accepted(self) -> None:
        if not self.accepted:
            raise ApiError(403, "2093", "The customer has not accepted the Microsoft Customer Agreement.")
