"""Findings about the old server's connectors and transport rules: ways in and out that nothing at Microsoft 365 has.

Facts: the pages of New-SendConnector, New-ReceiveConnector and New-TransportRule; RFC 8314 (465, 587).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from mailmove.domain_names import to_ascii
from mailmove.evidence import Finding
from mailmove.inventory.full import FullInventory
from mailmove.inventory.transport import ReceiveConnector, SendConnector
from mailmove.lists_in_words import some_of
from mailmove.smtp.other_ways import OTHER_WAYS

_SMTP_PORT = 25
_NAMED = 20
_RELAYING = {"externalauthoritative"}
"""AuthMechanism of a connector that takes every client for one of the house."""


def of_connectors(inventory: FullInventory) -> Iterator[Finding]:
    """Smart hosts, ways to single domains, listeners on other ports, and networks that may relay."""
    for connector in inventory.send_connectors:
        if connector.enabled and (connector.smart_hosts or not connector.of_everything):
            yield _of_sending(connector)
    for listener in inventory.receive_connectors:
        if listener.enabled:
            yield from _of_receiving(listener)


def of_transport_rules(inventory: FullInventory) -> Iterator[Finding]:
    """Rules that send mail to somebody else, or of which that is not known."""
    for rule in inventory.transport_rules:
        if not rule.enabled:
            continue
        whom = f" that sends mail to {', '.join(rule.to[:_NAMED])}" if rule.to else ""
        yield Finding(
            code="TransportRule",
            subject=f"transport rule '{rule.name}'",
            seen=f"a rule of the server{whom}",
            means="Rules of the old server do not come along: what it redirects, copies (a catch-all, an archive), "
            "refuses or signs today does not happen after the switch.",
            todo="Read it (Get-TransportRule), and make it again as a mail flow rule of Microsoft 365 in time.",
        )


def _of_sending(connector: SendConnector) -> Finding:
    spaces = ", ".join(connector.address_spaces[:_NAMED]) or "nothing"
    by = f" by {', '.join(connector.smart_hosts)}" if connector.smart_hosts else ""
    scoped = ", for its own site only" if connector.scoped else ""
    everything = connector.of_everything
    return Finding(
        code="SmartHost" if connector.smart_hosts else "SendConnector",
        subject=f"send connector '{connector.name}'",
        seen=f"mail to {'everybody' if everything else spaces} leaves{by}{scoped}",
        means=(
            "After the switch people's mail leaves from Microsoft 365, and not by that host: what it filters, "
            "archives, signs or is trusted for at receivers ends. Machines that stay on the old server go on by it."
            if everything
            else "Mail to these domains has a way of its own (a partner, another site, a fax or archive system). "
            "Microsoft 365 sends it by the domains' MX, where there may be none."
        ),
        todo="Ask why it is there. Where it is wanted, make an outbound connector at Microsoft 365 "
        "(New-OutboundConnector -SmartHosts), and see that SPF names who really sends; cancel the smart host's "
        "contract not before the "
        "old server goes."
        if everything
        else "Make an outbound connector for these domains at Microsoft 365, or give the system another way in.",
    )


def _of_receiving(connector: ReceiveConnector) -> Iterator[Finding]:
    ports, clients = _other_ports(connector), some_of(connector.remote_ranges, _NAMED)
    narrow = [ips for ips in connector.remote_ranges if not _everybody(ips)]
    anonymous = "anonymoususers" in {group.lower() for group in connector.groups}
    trusted = bool(_RELAYING & {name.lower() for name in connector.auth})
    scoped = bool(narrow) and len(narrow) == len(connector.remote_ranges)
    subject = f"receive connector '{connector.name}'"
    if scoped and (anonymous or trusted) and not all(_loopback(ips) for ips in narrow):
        yield Finding(
            code="ScopedConnector",
            subject=subject,
            seen=f"a way in for {some_of(narrow, _NAMED)} alone" + (", trusted as one of the house" if trusted else ""),
            means="Either machines that may send by the server without signing in, also those that send once a quarter "
            "and are in no log of these weeks; or the filter from which all mail comes.",
            todo=f"Go through these addresses, device by device, and give each another way to send: {OTHER_WAYS}.",
        )
    if ports:
        yield Finding(
            code="OtherPortBound",
            subject=subject,
            seen=f"it listens on {', '.join(str(port) for port in ports)}, for {clients}",
            means="Who hands mail in there is not stopped by closing port 25.",
            todo="Find in the log who uses it, give each another way to send, and close that port as well.",
            needs_action=not all(_loopback(ips) for ips in connector.remote_ranges),
        )


def of_shared_domains(inventory: FullInventory, planned: Sequence[str]) -> Iterator[Finding]:
    """Domains of the plan that the old server shares with another one: it passes on what it does not know."""
    names = {to_ascii(domain) for domain in planned}
    for domain in inventory.accepted_domains:
        if domain.name not in names or domain.kind.lower() not in ("internalrelay", "externalrelay"):
            continue
        ways = [
            f"'{connector.name}' to {', '.join(connector.smart_hosts) or 'its MX'}"
            for connector in inventory.send_connectors
            if connector.enabled and _covers(connector, domain.name)
        ]
        yield Finding(
            code="SharedDomain",
            subject=domain.name,
            seen=f"a domain of the plan, {domain.kind} on the old server"
            + (f"; what it has no mailbox for leaves by {', '.join(ways)}" if ways else ""),
            means="The old server passes mail for addresses that it does not know on to another server. Microsoft 365 "
            "refuses them (550 5.4.1) unless the domain is an internal relay there, too.",
            todo="Find out which addresses are elsewhere. Move them as well, or set the domain to internal relay at "
            "Microsoft 365 with an outbound connector to the other server, before the switch.",
        )


def bound_ports(inventory: FullInventory) -> list[int]:
    """Ports beside 25 on which a connector listens."""
    return sorted({port for entry in inventory.receive_connectors if entry.enabled for port in _other_ports(entry)})


def _other_ports(connector: ReceiveConnector) -> list[int]:
    ports = {_port(place) for place in connector.bindings}
    return sorted(port for port in ports if port is not None and port != _SMTP_PORT)


def _covers(connector: SendConnector, domain: str) -> bool:
    return any(
        space == domain or (space.startswith("*.") and domain.endswith(space[1:])) or space == f"*.{domain}"
        for space in connector.address_spaces
    )


def _port(binding: str) -> int | None:
    """Of `0.0.0.0:587`, `[::]:587`, `:::587`; None: it is not shown."""
    digits = binding.rpartition(":")[2]
    return int(digits) if digits.isdecimal() else None


def _everybody(ips: str) -> bool:
    """Whether a range is all of IPv4 or of IPv6: `0.0.0.0-255.255.255.255`, `0.0.0.0/0`, `::-ffff:...`."""
    bounds = _bounds(ips)
    if bounds is None:
        return False
    first, last = bounds
    return int(first) == 0 and int(last) == 2**first.max_prefixlen - 1


def _loopback(ips: str) -> bool:
    bounds = _bounds(ips)
    return bounds is not None and all(address.is_loopback for address in bounds)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _bounds(ips: str) -> tuple[_Address, _Address] | None:
    """(first, last) of `a-b`, `a/24`, `a(255.255.255.0)` or `a`; None: another form."""
    text = ips.replace(" ", "").replace("(", "/").rstrip(")")
    try:
        if "-" in text:
            first, _, last = text.partition("-")
            return ipaddress.ip_address(first), ipaddress.ip_address(last)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return network.network_address, network.broadcast_address
