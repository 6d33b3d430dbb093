"""Late senders: who still delivers to the old server after the switch, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from mailmove.items.item import Arrival
from mailmove.lists_in_words import some_of
from mailmove.smtp.other_ways import OTHER_WAYS

_PROBES = ("healthmailbox", "inboundproxy@inboundproxy.com", "maildeliveryprobe@maildeliveryprobe.com")
"""Beginnings of addresses with which Exchange 2013 and later sends itself test messages (Managed Availability)."""
NAMED = 20
"""Maximum late senders that are shown by name; the others are counted."""


@dataclass(frozen=True)
class LateSender:
    """A client that delivers to the old server by SMTP. arrivals: oldest first."""

    client_ip: str
    arrivals: tuple[Arrival, ...]

    @property
    def who(self) -> str:
        """Its address, with its name where one is known."""
        name = next((arrival.client_name for arrival in self.arrivals if arrival.client_name), "")
        return f"{self.client_ip} ({name})" if name else self.client_ip

    @property
    def senders(self) -> list[str]:
        """Envelope senders that it uses, in lower case, each once; "" is the empty sender."""
        return list(dict.fromkeys(arrival.sender.strip("<>").lower() for arrival in self.arrivals))

    def line(self, domains: Sequence[str]) -> str:
        """One line for people: who it is, and what to do. domains: the customer's."""
        senders = self.senders
        named = ", ".join(sender or "the empty sender" for sender in senders[:3]) + (
            " and others" if len(senders) > 3 else ""
        )
        last = f"{len(self.arrivals)} messages as {named}, the last at {self.arrivals[-1].at:%H:%M:%S} UTC"
        others = self.other_domains(domains)
        todo = _todo_of_others(others) if others else _todo(self.client_ip, senders, domains)
        return f"{self.who} still delivers to the old server: {last}. {todo}"

    def other_domains(self, domains: Sequence[str]) -> list[str]:
        """Domains that all its mail is for, where none of it is for the customer's; []: some is, or may be.

        The log does not always show recipients: then it may be the customer's mail.
        """
        addressed: set[str] = set()
        for arrival in self.arrivals:
            hosts = {recipient.rpartition("@")[2].strip(">").lower() for recipient in arrival.recipients}
            if not hosts or hosts & set(domains):
                return []
            addressed |= hosts
        return sorted(addressed)


def late_senders(arrivals: Iterable[Arrival]) -> list[LateSender]:
    """Late senders, the most frequent first; the server's own test messages are left out."""
    clients: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if not _probe(arrival):
            clients.setdefault(arrival.client_ip, []).append(arrival)
    senders = [
        LateSender(client, tuple(sorted(some, key=lambda arrival: arrival.at))) for client, some in clients.items()
    ]
    return sorted(senders, key=lambda sender: (-len(sender.arrivals), sender.client_ip))


def gone_quiet(arrivals: Iterable[Arrival], since: datetime, domains: Sequence[str]) -> list[LateSender]:
    """Inside senders that delivered before `since` and not after it; they may be infrequent senders."""
    inside = [sender for sender in late_senders(arrivals) if _inside(sender.client_ip)]
    return [sender for sender in inside if sender.arrivals[-1].at < since and _ours(sender.senders, domains)]


def _ours(senders: Iterable[str], domains: Sequence[str]) -> bool:
    return any(sender.endswith(tuple(f"@{domain}" for domain in domains)) for sender in senders)


def _probe(arrival: Arrival) -> bool:
    people = [arrival.sender.strip("<>").lower(), *(recipient.lower() for recipient in arrival.recipients)]
    return any(address.startswith(_PROBES) for address in people)


def _todo_of_others(others: Sequence[str]) -> str:
    return (
        f"Its mail is for {some_of(others, 3)}, which the plan does not move. If that domain's MX leads here, mail for "
        "it goes on coming, and bounces once port 25 is closed: move its MX, too. If not, the old server passes it on "
        f"to the outside: give the machine another way to send: {OTHER_WAYS}."
    )


def _todo(client: str, senders: Sequence[str], domains: Sequence[str]) -> str:
    ours = _ours(senders, domains)
    if _inside(client) and ours:
        return (
            "A printer, scanner or application of the house, with the old server's address typed in. Give it another "
            f"way to send: {OTHER_WAYS}."
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
