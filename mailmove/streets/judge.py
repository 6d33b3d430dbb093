"""By which way the mail of a domain comes: judged from DNS, open ports and the old server's own log. Pure.

The three that a plan knows: direct (the MX is the old server), filter (a filter takes the mail and passes it on), pop
(mailboxes elsewhere, from which something fetches). A filter and a fetcher are known by name, or by evidence: the log
of the server says from which network the mail of many senders comes.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mailmove.inventory.transport import Deliverer, Incoming
from mailmove.streets.known_hosts import Kind, known
from mailmove.streets.sights import DomainSight, Host, Sights

Way = Literal["direct", "filter", "pop", "microsoft", "elsewhere", "unknown"]
Role = Literal["server", "filter", "provider", "microsoft", "unresolved", "elsewhere"]

_MOST = 0.8
"""Share of the mail from outside that comes by one way, from which that way is the way."""
_INNER = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/24", "::1/128", "fc00::/7", "fe80::/10")
]
_FEW, _SENDERS = 5, 3
"""Messages, and different domains of senders, below which the log proves nothing."""


class Street(BaseModel):
    """The way of one domain's mail. evidence: for people, each a fact. whose: the filter's or provider's name."""

    model_config = ConfigDict(frozen=True)

    domain: str
    way: Way
    evidence: tuple[str, ...] = ()
    whose: str = ""


def role_of(host: Host, sights: Sights) -> tuple[Role, str]:
    """(what an MX host is, whose it is)."""
    if set(host.addresses) & sights.server_addresses:
        return "server", ""
    for name in host.names:
        entry = known(name)
        if entry and entry[0] != "dynamic":
            return _role(entry[0]), entry[1]
    checks = [sights.port(address, sights.smtp_port) for address in host.addresses]
    if any(check and check.greets_as in sights.greetings for check in checks):
        return "server", ""
    return ("elsewhere", "") if host.addresses else ("unresolved", "")


def is_of_others(host: Host) -> bool:
    """Whether a name of the plan's for the old server is not the server's: some put the MX there, whatever it is."""
    kinds = {entry[0] for name in (host.name, host.alias, *host.aliases) if (entry := known(name))}
    return bool(kinds & {"filter", "provider", "microsoft"})


def _role(kind: Kind) -> Role:
    return "elsewhere" if kind == "dynamic" else kind


def street_of(sight: DomainSight, sights: Sights, incoming: Incoming | None) -> Street:
    """Judge one domain. incoming None: the log could not be read."""
    domain, usable = sight.domain, [host for host in sight.hosts if host.addresses]
    if sight.error or not usable:
        return Street(domain=domain, way="unknown", evidence=(sight.error,) if sight.error else ())
    roles = [(host, *role_of(host, sights)) for host in usable]
    facts = [f"MX {host.preference} {host.name} ({', '.join(host.addresses)}) is {_shown(role, whose)}"
             for host, role, whose in roles]  # fmt: skip
    lowest = min(host.preference for host in usable)
    first = {role: whose for host, role, whose in roles if host.preference == lowest}
    for role in ("filter", "microsoft", "server"):
        if role in first:
            way: Way = "direct" if role == "server" else "filter" if role == "filter" else "microsoft"
            return Street(domain=domain, way=way, evidence=tuple(facts), whose=first[role])
    whose = next((name for name in first.values() if name), "")
    return _by_log(domain, usable, facts, whose, incoming)


def _by_log(domain: str, hosts: list[Host], facts: list[str], whose: str, incoming: Incoming | None) -> Street:
    """The MX is somebody whom nobody knows: what does the server's log say of the mail that reaches it?"""

    def judged(way: Way, fact: str) -> Street:
        return Street(domain=domain, way=way, evidence=(*facts, fact), whose=whose)

    if incoming is None:
        return judged("unknown", "the server's log could not be read")
    deliverers = for_domain(incoming, domain)
    total = sum(messages for _, messages in deliverers)
    if not total and incoming.of_unknown:
        return judged("unknown", f"the log shows {incoming.of_unknown} messages from outside, and not from whom")
    if not total:
        return judged("elsewhere", "the server's log shows no mail for it from outside within two weeks")
    inside = [(deliverer, messages) for deliverer, messages in deliverers if is_inside(deliverer.client_ip)]
    share = sum(messages for _, messages in inside)
    if share >= _MOST * total:
        return judged(
            "pop",
            f"{share} of {total} messages from outside were handed in by {_clients(inside)}, inside: something fetches",
        )
    networks: Counter[str] = Counter()
    for deliverer, messages in deliverers:
        networks[_network(deliverer.client_ip)] += messages
    network, most = networks.most_common(1)[0]
    same = {_network(address) for host in hosts for address in host.addresses}
    senders = sum(deliverer.sender_domains for deliverer, _ in deliverers if _network(deliverer.client_ip) == network)
    of_mx = sum(messages for name, messages in networks.items() if name in same)
    if (most >= _MOST * total and most >= _FEW and senders >= _SENDERS) or of_mx >= _MOST * total:
        return judged(
            "filter",
            f"{most} of {total} messages from outside came from {network}, of {senders} senders' domains",
        )
    return judged("unknown", f"{total} messages from outside came from {len(networks)} networks")


def for_domain(incoming: Incoming, domain: str) -> list[tuple[Deliverer, int]]:
    """(deliverer, its messages for the domain); where the log shows no recipients, all of them count."""
    pairs = [(entry, entry.by_domain.get(domain, 0) + entry.by_domain.get("", 0)) for entry in incoming.deliverers]
    return [(deliverer, messages) for deliverer, messages in pairs if messages]


def before_the_server(domain: str, incoming: Incoming | None) -> list[tuple[Deliverer, int]]:
    """Machines inside that hand in nearly all mail from outside, although the MX is the server itself.

    A filter in the house, a proxy of the router, or address translation that hides who sends.
    """
    deliverers = for_domain(incoming, domain) if incoming else []
    total = sum(messages for _, messages in deliverers)
    inside = [
        (deliverer, messages)
        for deliverer, messages in deliverers
        if is_inside(deliverer.client_ip) and deliverer.sender_domains >= _SENDERS
    ]
    return inside if total >= _FEW and sum(messages for _, messages in inside) >= _MOST * total else []


def brings_mail_in(deliverer: Deliverer) -> bool:
    """Whether a machine inside hands in mail of many senders: a fetcher or a gateway, not a printer."""
    return is_inside(deliverer.client_ip) and deliverer.messages >= _FEW and deliverer.sender_domains >= _SENDERS


def is_inside(client: str) -> bool:
    """An address of an inner network, the server's own, or none (the folder Pickup)."""
    if not client:
        return True
    try:
        address = ipaddress.ip_address(client.partition("%")[0].removeprefix("::ffff:"))
    except ValueError:
        return False
    return any(address in network for network in _INNER if network.version == address.version)


def _network(client: str) -> str:
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False))


def _clients(deliverers: list[tuple[Deliverer, int]]) -> str:
    names = [
        f"{deliverer.client_ip or 'the folder Pickup'}{f' ({deliverer.host})' if deliverer.host else ''}"
        for deliverer, _ in deliverers[:5]
    ]
    return ", ".join(names)


def _shown(role: Role, whose: str) -> str:
    words = {
        "server": "the old server", "filter": f"a filter: {whose}", "provider": f"a provider of mailboxes: {whose}",
        "microsoft": "Microsoft's", "unresolved": "without an address", "elsewhere": "another host",
    }  # fmt: skip
    return words[role]
