"""Has a customer accepted the Microsoft Customer Agreement? Without it Microsoft takes no order since 5 January 2026.

Sources: learn.microsoft.com partner-center/developer get-confirmation-of-customer-agreement (attested by a partner) and
get-direct-sign-status-of-customer-agreement (accepted by the customer). Nothing is attested here: that a customer has
agreed is theirs to say, and Microsoft's new attestation has them open its own page too.
"""

from __future__ import annotations

from urllib.parse import quote

from blocks.microsoft365.fields import flag, rows, text
from blocks.microsoft365.http import JsonClient

TYPE = "MicrosoftCustomerAgreement"


class Agreements:
    """Reads only. portal: base of the admin centre of the customer's cloud."""

    def __init__(self, http: JsonClient, portal: str) -> None:
        self._http, self._portal = http, portal

    def accepted(self, customer: str) -> bool:
        """By the customer, or in their name by a partner."""
        path = f"customers/{quote(customer, safe='')}"
        # Without a type Partner Center shows those of the old Cloud Agreement, which no order goes by any more.
        attested = self._http.get(
            f"{path}/agreements", wanted="the customer's agreements", params={"agreementType": TYPE}
        )
        if any(text(agreement, "type") == TYPE for agreement in rows(attested, "items")):
            return True
        status = self._http.get(
            f"{path}/directSignedMicrosoftCustomerAgreementStatus", wanted="whether the customer has signed"
        )
        return flag(status, "isSigned")

    def link(self) -> str:
        """Where the customer's global administrator accepts it. Unverified: that it is offered on this page."""
        return f"{self._portal}/Adminportal/Home#/BillingAccounts"
