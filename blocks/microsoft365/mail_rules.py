"""How Exchange Online judges mail into the tenant, by its cmdlets; nothing is changed.

Sources: office-docs-powershell Set-OrganizationConfig (RejectDirectSend), Set-InboundConnector, Set-AntiPhishPolicy,
Set-HostedContentFilterPolicy, Set-QuarantinePolicy.
Unverified: what Get-OnPremServerReportInfo and Get-TenantExemptionInfo show; only their rows are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from blocks.microsoft365.answers import Json
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import flag, flag_or, text, texts_or, word, word_or
from blocks.microsoft365.unseen import Unseen
from mailmove.ports.tenant.mail_rules import TenantMailRules
from mailmove.tenant_state import InboundConnector, MailRules, SpamPolicy, SpoofPolicy

Read = TypeVar("Read")
_VERDICTS = ("SpamAction", "HighConfidenceSpamAction", "PhishSpamAction", "HighConfidencePhishAction", "BulkSpamAction")


class MailJudgement(TenantMailRules):
    def __init__(self, exchange: ExchangeAdmin) -> None:
        self._exchange = exchange

    def read(self) -> MailRules:
        unseen = Unseen()

        def ask(cmdlet: str, read: Callable[[list[Json]], Read], given: Mapping[str, Any] | None = None) -> Read | None:
            wanted = "how mail to the tenant is judged"
            return unseen.ask(cmdlet, lambda: read(self._exchange.run(cmdlet, given, wanted=wanted)))

        direct = ask("Get-OrganizationConfig", _direct_send)
        if direct is None:
            unseen.setdefault("Get-OrganizationConfig", "no `RejectDirectSend` in the organisation's settings")
        return MailRules(
            direct_send_rejected=direct,
            connectors=ask("Get-InboundConnector", _connectors),
            old_servers=ask("Get-OnPremServerReportInfo", len),
            exemptions=ask("Get-TenantExemptionInfo", len, {"BlockingScenario": "UnpatchedOnPremServer"}),
            spoof=ask("Get-AntiPhishPolicy", _spoof),
            spam=ask("Get-HostedContentFilterPolicy", _spam),
            quarantines_that_tell=ask("Get-QuarantinePolicy", _telling),
            unseen=unseen,
        )


def _direct_send(rows: list[Json]) -> bool | None:
    """None: an organisation that does not show it."""
    shown = [flag_or(row, "RejectDirectSend") for row in rows if row.get("RejectDirectSend") is not None]
    return any(shown) if shown else None


def _connectors(rows: list[Json]) -> tuple[InboundConnector, ...]:
    return tuple(
        InboundConnector(
            name=text(row, "Name"),
            kind=word(row, "ConnectorType"),
            from_everybody=any(domain.split(";")[0].rpartition(":")[2] == "*" for domain in _domains(row)),
            restricts=flag_or(row, "RestrictDomainsToIPAddresses") or flag_or(row, "RestrictDomainsToCertificate"),
        )
        for row in rows
        if flag_or(row, "Enabled", default=True)
    )


def _domains(row: Json) -> list[str]:
    """`smtp:*;1`, `smtp:partner.example;1`; none is everybody's, too."""
    return texts_or(row, "SenderDomains") or ["*"]


def _spoof(rows: list[Json]) -> tuple[SpoofPolicy, ...]:
    return tuple(
        SpoofPolicy(
            name=text(row, "Name"),
            fails=word_or(row, "AuthenticationFailAction") if flag_or(row, "EnableSpoofIntelligence", True) else "",
            dmarc_reject=word_or(row, "DmarcRejectAction") if flag_or(row, "HonorDmarcPolicy") else "",
        )
        for row in rows
        if flag_or(row, "Enabled", default=True)
    )


def _spam(rows: list[Json]) -> tuple[SpamPolicy, ...]:
    return tuple(
        SpamPolicy(
            name=text(row, "Name"),
            actions={verdict: action for verdict in _VERDICTS if (action := word_or(row, verdict))},
        )
        for row in rows
    )


def _telling(rows: list[Json]) -> tuple[str, ...]:
    return tuple(text(row, "Name") for row in rows if row.get("ESNEnabled") is not None and flag(row, "ESNEnabled"))
