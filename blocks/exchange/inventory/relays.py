"""Applications and machines that send through the old server, from its message tracking log."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from blocks.exchange.inventory.domains import domain_name
from blocks.exchange.inventory.incoming import IncomingCounter
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import values
from blocks.exchange.powershell.shell import ExchangeShell
from blocks.exchange.powershell.values import Properties
from mailmove.clock import now
from mailmove.errors import Blocked
from mailmove.inventory.full import Relay
from mailmove.inventory.transport import Incoming

LOOK_BACK = timedelta(days=14)
"""The log goes back 30 days unless set otherwise; two weeks hold whatever runs weekly."""
_WANTED = ["Timestamp", "ClientIp", "ClientHostname", "Sender", "Source", "Recipients", "OriginalClientIp"]
_INSIDE = [ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


@dataclass
class _Machine:
    host: str
    last: datetime
    senders: Counter[str] = field(default_factory=Counter)


def read_relays(
    sessions: Sessions, shell: ExchangeShell, servers: Sequence[Properties], major: int
) -> tuple[list[Relay], Incoming]:
    """(relays, the busiest first; who hands in mail from outside): one reading of the log for both."""
    domains = {domain_name(row) for row in shell.run("Get-AcceptedDomain")}
    own = {values.optional_text(row, name).lower() for row in servers for name in ("Name", "Fqdn")} - {""}
    rows = (row for server in servers if transports(server) for row in _log(shell, values.text(server, "Name")))
    refused: list[str] = []
    hops = own if major >= 15 else set()
    counter = IncomingCounter(domains, hops)
    machines = relays(counter.passing(rows), domains, hops, refused)
    sessions.refused("single events of the message tracking log", refused)
    return machines, counter.incoming()


def transports(server: Properties) -> bool:
    """Whether mail goes through the server, and stands in its log."""
    roles = [values.flag(server, role) for role in ("IsHubTransportServer", "IsMailboxServer")]
    return any(roles)


def came_by_smtp(row: Properties) -> bool:
    """Whether an event of the log is one of SMTP. One that does not say is taken for it: mail is not overlooked."""
    source = values.optional_text(row, "Source") or "SMTP"
    if not (source.isascii() and source.isalnum()):
        raise values.unreadable(row, "Source")
    return source.upper() == "SMTP"


def _log(shell: ExchangeShell, server: str) -> Iterable[Properties]:
    asked = {"Server": server, "EventId": "RECEIVE", "Start": now() - LOOK_BACK, "ResultSize": "Unlimited"}
    return shell.stream(("Get-MessageTrackingLog", asked), ("Select-Object", {"Property": _WANTED}))


def relays(
    rows: Iterable[Properties], domains: set[str], own: set[str], refused: list[str] | None = None
) -> list[Relay]:
    """Who sends from inside, or in the name of one of the `domains`; mail from the internet is neither.

    own: names by which the server calls itself, for from 2013 on each message passes through it twice. refused: takes
    what could not be read of single events.
    """
    machines: dict[str, _Machine] = {}
    for row in rows:
        try:
            at, smtp = values.known_moment(row, "Timestamp"), came_by_smtp(row)
        except Blocked as error:
            if refused is None:
                raise
            refused.append(f"{error.wanted}: {error.seen}")
            continue
        address, host = values.optional_text(row, "ClientIp"), values.optional_text(row, "ClientHostname")
        sender = values.optional_text(row, "Sender").strip("<>").lower()
        ours = any(sender.endswith(f"@{domain}") for domain in domains)
        if not smtp or host.lower() in own or not (ours or _inside(address)):
            continue
        machine = machines.setdefault(address, _Machine(host, at))
        machine.last = max(machine.last, at)
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
