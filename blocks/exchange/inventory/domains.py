"""Domains for which the old server takes mail."""

from __future__ import annotations

from blocks.exchange.powershell import values
from blocks.exchange.powershell.shell import ExchangeShell
from blocks.exchange.powershell.values import Properties
from mailmove.domain_names import to_ascii
from mailmove.inventory.full import AcceptedDomain


def read_accepted_domains(shell: ExchangeShell) -> list[AcceptedDomain]:
    """By name, as DNS has it. An unknown DomainType, and a name that no registry allows, are kept as the server says
    them."""
    domains = [
        AcceptedDomain(
            name=domain_name(row),
            kind=values.optional_text(row, "DomainType"),
            default=values.flag(row, "Default", absent=False),
        )
        for row in shell.run("Get-AcceptedDomain")
    ]
    return sorted(domains, key=lambda domain: domain.name)


def domain_name(row: Properties) -> str:
    """`*.Müller.example` as `*.xn--mller-kva.example`."""
    given = values.text(row, "DomainName")
    try:
        return to_ascii(given)
    except ValueError:
        return given.lower()
