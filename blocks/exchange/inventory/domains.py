"""Domains for which the old server takes mail."""

from __future__ import annotations

from blocks.exchange.powershell import values
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.inventory.full import AcceptedDomain


def read_accepted_domains(shell: ExchangeShell) -> list[AcceptedDomain]:
    """By name. An unknown DomainType is kept as the server says it."""
    domains = [
        AcceptedDomain(
            name=values.text(row, "DomainName").lower(),
            kind=values.optional_text(row, "DomainType"),
            default=values.flag(row, "Default", absent=False),
        )
        for row in shell.run("Get-AcceptedDomain")
    ]
    return sorted(domains, key=lambda domain: domain.name)
