"""How Exchange Online judges mail into the tenant: what its cmdlets show of direct send, connectors and filters.

Sources: office-docs-powershell (Set-OrganizationConfig, Set-InboundConnector, Set-AntiPhishPolicy,
Set-HostedContentFilterPolicy, Set-QuarantinePolicy: names and values of their properties). Unverified: the properties
of Get-OnPremServerReportInfo and Get-TenantExemptionInfo, which have no page.
"""

from __future__ import annotations

from typing import Any

from lab.cloud.cmdlets.mailbox_cmdlets import Parameters, Rows, Table
from lab.cloud.tenant import Tenant
from lab.faults import Faults, declare

declare(
    hostile_reject_direct_send="RejectDirectSend: mail whose envelope sender is of the tenant is refused, "
    "with 550 5.7.68",
    hostile_inbound_connectors="connectors stand there from earlier: one of type OnPremises with a server that is too "
    "old, and one for a partner",
    hostile_spoof_policies="spoofed and DMARC-failing mail is quarantined, and nobody is told of what is quarantined",
)


class OrganizationCmdlets:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults = tenant, faults

    def table(self) -> Table:
        return {
            "Get-OrganizationConfig": self._organization,
            "Get-InboundConnector": self._connectors,
            "Get-OnPremServerReportInfo": self._old_servers,
            "Get-TenantExemptionInfo": lambda given: [],
            "Get-AntiPhishPolicy": self._anti_phish,
            "Get-HostedContentFilterPolicy": self._content_filter,
            "Get-QuarantinePolicy": self._quarantine,
        }

    def _organization(self, given: Parameters) -> Rows:
        name = self.tenant.initial_domain
        refused = self.faults.take("hostile.reject_direct_send")
        return [{"Name": name, "Identity": name, "EwsEnabled": False, "RejectDirectSend": refused}]

    def _connectors(self, given: Parameters) -> Rows:
        rows = list(self.tenant.connectors)
        if self.faults.take("hostile.inbound_connectors"):
            rows.append(connector("From the old Exchange", kind="OnPremises", addresses=["192.0.2.25"]))
            rows.append(connector("Factoring house", domains=["smtp:factoring.example;1"], tls=True))
        return rows

    def _old_servers(self, given: Parameters) -> Rows:
        if not self.faults.take("hostile.inbound_connectors"):
            return []
        return [{"ServerName": "OLD01", "BuildNumber": "8.3.485.1", "EnforcementStage": "Throttle"}]

    def _anti_phish(self, given: Parameters) -> Rows:
        strict = self.faults.take("hostile.spoof_policies")
        return [
            {
                "Name": "Office365 AntiPhish Default",
                "Enabled": True,
                "IsDefault": True,
                "EnableSpoofIntelligence": True,
                "AuthenticationFailAction": "Quarantine" if strict else "MoveToJmf",
                "HonorDmarcPolicy": True,
                "DmarcRejectAction": "Reject",
                "DmarcQuarantineAction": "Quarantine",
                "SpoofQuarantineTag": "AdminOnlyAccessPolicy" if strict else "DefaultFullAccessPolicy",
            }
        ]

    def _content_filter(self, given: Parameters) -> Rows:
        strict = self.faults.take("hostile.spoof_policies")
        return [
            {
                "Name": "Default",
                "IsDefault": True,
                "SpamAction": "Quarantine" if strict else "MoveToJmf",
                "HighConfidenceSpamAction": "Quarantine" if strict else "MoveToJmf",
                "PhishSpamAction": "Quarantine",
                "HighConfidencePhishAction": "Quarantine",
                "BulkSpamAction": "MoveToJmf",
                "SpamQuarantineTag": "AdminOnlyAccessPolicy" if strict else "DefaultFullAccessPolicy",
                "QuarantineRetentionPeriod": 30,
            }
        ]

    def _quarantine(self, given: Parameters) -> Rows:
        return [
            {"Name": "AdminOnlyAccessPolicy", "EndUserQuarantinePermissionsValue": 0, "ESNEnabled": False},
            {"Name": "DefaultFullAccessPolicy", "EndUserQuarantinePermissionsValue": 23, "ESNEnabled": False},
        ]


def connector(
    name: str,
    *,
    kind: str = "Partner",
    domains: list[str] | None = None,
    addresses: list[str] | None = None,
    tls: bool = False,
) -> dict[str, Any]:
    """An inbound connector as Get-InboundConnector shows it. addresses: others are refused for these domains."""
    return {
        "Name": name,
        "Identity": name,
        "Enabled": True,
        "ConnectorType": kind,
        "SenderDomains": domains or ["smtp:*;1"],
        "SenderIPAddresses": addresses or [],
        "RestrictDomainsToIPAddresses": kind == "Partner" and bool(addresses),
        "RestrictDomainsToCertificate": False,
        "RequireTls": tls,
        "TlsSenderCertificateName": None,
    }
