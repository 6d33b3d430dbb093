"""Cmdlets of the old Exchange about the ways that mail takes: connectors, and rules of the transport service.

Properties and their forms: `New-SendConnector`, `New-ReceiveConnector` and `New-TransportRule` in
MicrosoftDocs/office-docs-powershell (AddressSpaces: "<type>:<space>;<cost>", SmartHosts: names, or addresses in
brackets); Exchange 2007: bb629547, bb125139, aa998585. Exchange 2007's rule shows `Actions` only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.directory import ReceiveConnector, SendConnector, TransportRule
from lab.exchange.powershell.objects import NetObject, directory_id, enumeration
from lab.exchange.recipients import Row, identity_of, object_missing
from lab.exchange.state import ExchangeState

_CONFIG = "Microsoft.Exchange.Data.Directory.SystemConfiguration"
_GROUPS = {"None": 0, "AnonymousUsers": 1, "ExchangeUsers": 2, "ExchangeServers": 4, "ExchangeLegacyServers": 8}


def get_send_connector(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for known in _asked(state, state.directory.send_connectors, asked):
        yield f"{_CONFIG}.SmtpSendConnectorConfig", _sending(state, known)


def _sending(state: ExchangeState, known: SendConnector) -> dict[str, Any]:
    spaces = [NetObject("Microsoft.Exchange.Data.AddressSpace", f"SMTP:{space};1") for space in known.address_spaces]
    row: dict[str, Any] = {
        "Name": known.name,
        "Identity": directory_id(known.name),
        "AddressSpaces": spaces,
        "SmartHosts": [NetObject("Microsoft.Exchange.Data.SmartHost", host) for host in known.smart_hosts],
        "SmartHostsString": ",".join(known.smart_hosts),
        "DNSRoutingEnabled": not known.smart_hosts,
        "IsScopedConnector": known.scoped,
        "Enabled": known.enabled,
        "Port": known.port,
    }
    return row


def get_receive_connector(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for known in _asked(state, state.directory.receive_connectors, asked):
        yield f"{_CONFIG}.ReceiveConnector", _receiving(state, known)


def _receiving(state: ExchangeState, known: ReceiveConnector) -> dict[str, Any]:
    number = sum(_GROUPS.get(name, 0) for name in known.permission_groups)
    ranges = [NetObject("Microsoft.Exchange.Data.IPRange", ips) for ips in known.remote_ranges]
    return {
        "Name": known.name,
        "Identity": NetObject(f"{_CONFIG}.ADObjectId", f"{state.server}\\{known.name}"),
        "Bindings": [NetObject("Microsoft.Exchange.Data.IPBinding", place) for place in known.bindings],
        "RemoteIPRanges": ranges,
        "PermissionGroups": enumeration(f"{_CONFIG}.PermissionGroups", ", ".join(known.permission_groups), number),
        "AuthMechanism": enumeration(f"{_CONFIG}.AuthMechanisms", known.auth, 1),
        "Enabled": known.enabled,
    }


def get_transport_rule(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for known in _asked(state, state.directory.transport_rules, asked):
        on = enumeration("Microsoft.Exchange.MessagingPolicies.Rules.RuleState", *_state(known))
        row: dict[str, Any] = {"Name": known.name, "Identity": directory_id(known.name), "State": on}
        kind = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks"
        if state.major < 14:
            row["Actions"] = [NetObject(f"{kind}.RedirectMessageAction", f"{kind}.RedirectMessageAction")]
        else:
            targets = [directory_id(identity_of(state, address)) for address in known.redirect_to]
            row |= {"RedirectMessageTo": targets, "BlindCopyTo": [], "CopyTo": [], "AddToRecipients": []}
        yield f"{kind}.Rule", row


def _state(known: TransportRule) -> tuple[str, int]:
    return ("Enabled", 0) if known.enabled else ("Disabled", 1)


def _asked(state: ExchangeState, known: Iterable[Any], asked: dict[str, Any]) -> list[Any]:
    identity = asked.get("Identity")
    chosen = [entry for entry in known if identity in (None, entry.name)]
    if identity is not None and not chosen:
        raise object_missing(identity, state)
    return chosen


CMDLETS = {
    "Get-SendConnector": get_send_connector,
    "Get-ReceiveConnector": get_receive_connector,
    "Get-TransportRule": get_transport_rule,
}
