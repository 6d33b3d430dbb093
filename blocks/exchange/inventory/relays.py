"""Applications and machines that send through the old server, from its message tracking log."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.evidence import now
from mailmove.inventory.full import Relay

LOOK_BACK = timedelta(days=14)
"""The log goes back 30 days unless set otherwise; two weeks hold whatever runs weekly."""
_WANTED = ["Timestamp", "ClientIp", "ClientHostname", "Sender", "Source"]
_INSIDE = [ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


@dataclass
class _Machine:
    host: str
    last: datetime
    senders: Counter[str] = field(default_factory=Counter)


def read_relays(shell: ExchangeShell, servers: list[dict[str, Any]], major: int) -> list[Relay]:
    """The busiest first."""
    domains = {str(row.get("DomainName")).lower() for row in shell.run("Get-AcceptedDomain")}
    own = {str(row.get(name)).lower() for row in servers for name in ("Name", "Fqdn")}
    rows = (row for server in servers if _transports(server) for row in _log(shell, str(server["Name"])))
    return relays(rows, domains, own if major >= 15 else set())


def _transports(server: dict[str, Any]) -> bool:
    return bool(server.get("IsHubTransportServer") or server.get("IsMailboxServer"))


def _log(shell: ExchangeShell, server: str) -> Iterable[dict[str, Any]]:
    asked = {"Server": server, "EventId": "RECEIVE", "Start": now() - LOOK_BACK, "ResultSize": "Unlimited"}
    return shell.stream(("Get-MessageTrackingLog", asked), ("Select-Object", {"Property": _WANTED}))


def relays(rows: Iterable[dict[str, Any]], domains: set[str], own: set[str]) -> list[Relay]:
    """Who sends from inside, or in the name of one of the `domains`; mail from the internet is neither.

    own: names by which the server calls itself, for from 2013 on each message passes through it twice.
    """
    machines: dict[str, _Machine] = {}
    for row in rows:
        address, host = str(row.get("ClientIp") or ""), str(row.get("ClientHostname") or "")
        sender = str(row.get("Sender") or "").strip("<>").lower()
        ours = any(sender.endswith(f"@{domain}") for domain in domains)
        if str(row.get("Source")).upper() != "SMTP" or host.lower() in own or not (ours or _inside(address)):
            continue
        machine = machines.setdefault(address, _Machine(host, row["Timestamp"]))
        machine.last = max(machine.last, row["Timestamp"])
        machine.senders[sender] += 1
    senders_inside = [
        Relay(
            client_ip=address,
            host=machine.host if machine.host != address else "",
            senders=tuple(sender for sender, _ in machine.senders.most_common(10)),
            messages=machine.senders.total(),
            last=machine.last,
        )
        for address, machine in machines.items()
    ]
    return sorted(senders_inside, key=lambda relay: (-relay.messages, relay.client_ip))


def _inside(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return ip.is_link_local or any(ip in network for network in _INSIDE if network.version == ip.version)
