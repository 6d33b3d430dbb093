"""Who still delivers to the old server after the switch, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from mailmove.items.item import Arrival

_PROBES = ("healthmailbox", "inboundproxy@inboundproxy.com", "maildeliveryprobe@maildeliveryprobe.com")
"""Exchange 2013 and later sends itself test messages all day (Managed Availability); they are nobody's mail."""
NAMED = 20


@dataclass(frozen=True)
class LateSender:
    """One client of the old server's SMTP. arrivals: oldest first."""

    client_ip: str
    arrivals: tuple[Arrival, ...]

    @property
    def who(self) -> str:
        """Its address, with its name where one is known."""
        name = next((one.client_name for one in self.arrivals if one.client_name), "")
        return f"{self.client_ip} ({name})" if name else self.client_ip

    @property
    def senders(self) -> list[str]:
        """Addresses as which it sends, in lower case, each once; "" is the empty sender."""
        return list(dict.fromkeys(one.sender.strip("<>").lower() for one in self.arrivals))

    def line(self, domains: Sequence[str]) -> str:
        """Who it is, and what to do. domains: the customer's."""
        senders = self.senders
        told = ", ".join(one or "the empty sender" for one in senders[:3]) + (" and others" if len(senders) > 3 else "")
        last = f"{len(self.arrivals)} messages as {told}, the last at {self.arrivals[-1].at:%H:%M:%S} UTC"
        return f"{self.who} still delivers to the old server: {last}. {_todo(self.client_ip, senders, domains)}"


def late_senders(arrivals: Iterable[Arrival]) -> list[LateSender]:
    """The busiest first; the server's own test messages are left out."""
    clients: dict[str, list[Arrival]] = {}
    for one in arrivals:
        if not _probe(one):
            clients.setdefault(one.client_ip, []).append(one)
    found = [LateSender(client, tuple(sorted(some, key=lambda one: one.at))) for client, some in clients.items()]
    return sorted(found, key=lambda one: (-len(one.arrivals), one.client_ip))


def gone_quiet(arrivals: Iterable[Arrival], since: datetime, domains: Sequence[str]) -> list[LateSender]:
    """Machines of the house that delivered before `since` and not after it: they may just be ones that send seldom."""
    found = [one for one in late_senders(arrivals) if _inside(one.client_ip) and one.arrivals[-1].at < since]
    return [one for one in found if _ours(one.senders, domains)]


def _ours(senders: Iterable[str], domains: Sequence[str]) -> bool:
    return any(one.endswith(tuple(f"@{domain}" for domain in domains)) for one in senders)


def _probe(arrival: Arrival) -> bool:
    people = [arrival.sender.strip("<>").lower(), *(one.lower() for one in arrival.recipients)]
    return any(one.startswith(_PROBES) for one in people)


def _todo(client: str, senders: Sequence[str], domains: Sequence[str]) -> str:
    ours = _ours(senders, domains)
    if _inside(client) and ours:
        return (
            "A printer, scanner or application of the house, with the old server's address typed in: point it at the "
            "new MX, or at Microsoft 365 SMTP submission or a connector."
        )
    if _inside(client):
        return (
            "A mail gateway or filter before the old server, which hands on mail from outside: point its next hop at "
            "the new MX, or take it out of the way."
        )
    if ours:
        return (
            "A machine outside that sends in the company's name (a web site, a service), or a forger: if it is known, "
            "point it at the new MX."
        )
    return (
        "A mail server that holds on to the old MX (a resolver that keeps old records, a typed route, or mail that "
        "queued before the switch): tell its postmaster if it lasts. Once port 25 is refused it looks the MX up again."
    )


def _inside(client: str) -> bool:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return False
    return address.is_private or address.is_link_local
