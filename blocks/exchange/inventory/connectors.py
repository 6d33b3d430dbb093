"""Connectors of the old server, and rules of its transport service."""

from __future__ import annotations

from blocks.exchange.inventory.directory import Directory
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import values
from blocks.exchange.powershell.recipients import each
from blocks.exchange.powershell.shell import ExchangeShell
from blocks.exchange.powershell.values import Properties
from mailmove.inventory.transport import ReceiveConnector, SendConnector, TransportRule

_TARGETS = ("RedirectMessageTo", "BlindCopyTo", "CopyTo", "AddToRecipients")
"""Properties of a rule that name recipients; from 2010 on."""


def read_send_connectors(sessions: Sessions, shell: ExchangeShell) -> list[SendConnector]:
    """By name. What cannot be read of single ones is noted in `sessions`."""
    refused: list[str] = []
    connectors = each(_sending, shell.run("Get-SendConnector"), refused)
    sessions.refused("single send connectors", refused)
    return sorted(connectors, key=lambda connector: connector.name)


def read_receive_connectors(sessions: Sessions, shell: ExchangeShell) -> list[ReceiveConnector]:
    """By name, of every server."""
    refused: list[str] = []
    connectors = each(_receiving, shell.run("Get-ReceiveConnector"), refused)
    sessions.refused("single receive connectors", refused)
    return sorted(connectors, key=lambda connector: connector.name)


def read_transport_rules(sessions: Sessions, shell: ExchangeShell, known: Directory) -> list[TransportRule]:
    """By name. 2007 shows that a rule acts, not on whom: its `to` is empty."""
    refused: list[str] = []
    rules = each(lambda row: _rule(row, known), shell.run("Get-TransportRule"), refused)
    sessions.refused("single transport rules", refused)
    return sorted(rules, key=lambda rule: rule.name)


def _sending(row: Properties) -> SendConnector:
    values.shown(row, "AddressSpaces", "SmartHosts", "Enabled")
    return SendConnector(
        name=values.text(row, "Name"),
        address_spaces=tuple(_space(text) for text in values.texts(row, "AddressSpaces")),
        smart_hosts=tuple(host.strip("[]").lower() for host in values.texts(row, "SmartHosts") if host),
        enabled=values.flag(row, "Enabled", absent=True),
        scoped=values.flag(row, "IsScopedConnector", absent=False),
    )


def _space(text: str) -> str:
    """`SMTP:*.Contoso.com;1`, `Local:SMTP:*;1` and `*` as the domain alone; what is not SMTP keeps its type."""
    *types, domain = text.partition(";")[0].split(":")
    other = [kind for kind in types if kind.lower() not in ("smtp", "local")]
    return ":".join([*other, domain]).lower()


def _receiving(row: Properties) -> ReceiveConnector:
    values.shown(row, "Bindings", "RemoteIPRanges", "PermissionGroups", "AuthMechanism", "Enabled")
    return ReceiveConnector(
        name=values.text(row, "Name"),
        bindings=values.texts(row, "Bindings"),
        remote_ranges=values.texts(row, "RemoteIPRanges"),
        groups=values.names(row, "PermissionGroups"),
        auth=values.names(row, "AuthMechanism"),
        enabled=values.flag(row, "Enabled", absent=True),
    )


def _rule(row: Properties, known: Directory) -> TransportRule:
    shown = [target for name in _TARGETS for target in values.texts(row, name)]
    return TransportRule(
        name=values.text(row, "Name"),
        to=tuple(dict.fromkeys(known.by_identity.get(target.lower(), target) for target in shown)),
        enabled=values.optional_text(row, "State").lower() != "disabled",
    )
