"""Who hands in mail from outside, from the same events of the tracking log as the relays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from blocks.exchange.powershell import values
from blocks.exchange.powershell.values import Properties
from mailmove.errors import Blocked
from mailmove.inventory.transport import Deliverer, Incoming

_BY_SMTP, _BY_FILE = "SMTP", "PICKUP"
"""Sources of an event that may be mail from outside. PICKUP: a program wrote a file, as some POP3 fetchers do."""
_RECIPIENTS = 5000
"""Most different recipients that are counted."""


@dataclass
class _Client:
    host: str
    last: datetime
    messages: int = 0
    domains: Counter[str] = field(default_factory=Counter)
    senders: set[str] = field(default_factory=set)


class IncomingCounter:
    """Counts while the events go by: `for row in counter.passing(rows)`.

    domains: the accepted ones. own: names by which the server calls itself (2013 and later), whose hops are none.
    """

    def __init__(self, domains: set[str], own: set[str]) -> None:
        self._domains, self._own = domains, own
        self._clients: dict[str, _Client] = {}
        self._recipients: Counter[str] = Counter()
        self._unknown = 0

    def passing(self, rows: Iterable[Properties]) -> Iterator[Properties]:
        for row in rows:
            with suppress(Blocked):  # who counts the relays reads the same properties, and notes it
                self._count(row)
            yield row

    def incoming(self) -> Incoming:
        made = [
            Deliverer(
                client_ip=address,
                host=client.host if client.host != address else "",
                messages=client.messages,
                sender_domains=len(client.senders),
                by_domain=dict(client.domains),
                last=client.last,
            )
            for address, client in self._clients.items()
        ]
        busiest = sorted(made, key=lambda deliverer: (-deliverer.messages, deliverer.client_ip))
        recipients = dict(self._recipients.most_common(_RECIPIENTS))
        return Incoming(deliverers=tuple(busiest), recipients=recipients, of_unknown=self._unknown)

    def _count(self, row: Properties) -> None:
        source = (values.optional_text(row, "Source") or _BY_SMTP).upper()
        address = values.optional_text(row, "ClientIp") if source == _BY_SMTP else ""
        host = values.optional_text(row, "ClientHostname")
        if source not in (_BY_SMTP, _BY_FILE):
            return
        sender = values.optional_text(row, "Sender").strip("<>").lower().rpartition("@")[2]
        shown = [address.lower() for address in _recipients(row)]
        ours = [address for address in shown if self._is_ours(address.rpartition("@")[2])]
        if (sender and self._is_ours(sender)) or (shown and not ours):
            return
        if host.lower() in self._own:  # a hop of its own: the log may name who was before it
            address, host = values.optional_text(row, "OriginalClientIp"), ""
            if not address:
                self._unknown += 1
                return
        at = values.known_moment(row, "Timestamp")
        client = self._clients.setdefault(address, _Client(host, at))
        client.last = max(client.last, at)
        client.messages += 1
        client.senders |= {sender} if sender else set()
        client.domains.update({address.rpartition("@")[2] for address in ours} or {""})
        if len(self._recipients) < _RECIPIENTS:
            self._recipients.update(ours)

    def _is_ours(self, domain: str) -> bool:
        return domain in self._domains or any(
            domain.endswith(name[1:]) for name in self._domains if name.startswith("*.")
        )


def _recipients(row: Properties) -> tuple[str, ...]:
    """(): the log does not show them in a form that is known."""
    try:
        return tuple(address for address in values.texts(row, "Recipients") if address)
    except Blocked:
        return ()
