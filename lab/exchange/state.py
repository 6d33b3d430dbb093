"""What the parts of the old Exchange share: directory, mail, settings, and what arrived by SMTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lab.directory import Directory
from lab.exchange.powershell.cultures import CULTURES, Culture
from lab.faults import Faults
from lab.mail_store import Mailbox, MailStore
from mailmove.clock import now
from mailmove.items.item import Arrival


@dataclass
class ExchangeState:
    """One server. `accounts` maps sign-in names (SMTP addresses) to passwords; `admin` is one of them.

    `outlook_anywhere` holds the parameters as Exchange 2007 names them: ExternalHostname,
    ClientAuthenticationMethod (Basic, Ntlm, Negotiate), IISAuthenticationMethods (list), SSLOffloading; None: not
    enabled. Change it with `set_outlook_anywhere`; the RPC proxy obeys `working_outlook_anywhere()`.
    """

    store: MailStore
    accounts: dict[str, str]
    admin: str
    domains: tuple[str, ...]
    server: str = "SBS2008"
    version: str = "8.3.83.6"
    outlook_anywhere: dict[str, Any] | None = None
    effective_after: float = 0.0  # seconds until a change of Outlook Anywhere works (up to an hour in life)
    arrivals: list[Arrival] = field(default_factory=list)  # the message tracking log, RECEIVE events, oldest first
    directory: Directory = field(default_factory=Directory)
    settings: dict[str, Any] = field(default_factory=dict)  # whatever else a cmdlet may set
    private: dict[str, Any] = field(default_factory=dict, repr=False, init=False)  # keys and files, in no picture
    culture: str = "en-US"  # the language of its Windows: see `powershell/cultures.py`
    domain_types: dict[str, str] = field(default_factory=dict)  # accepted domain -> type; Authoritative where not named
    faults: Faults = field(default_factory=Faults, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock)
    relayed: list[Arrival] = field(default_factory=list, init=False)  # by the machines of the directory, before today
    hosts: dict[str, str] = field(default_factory=dict, init=False)  # their names, by address
    sources: dict[str, str] = field(default_factory=dict, init=False)  # Message-ID -> how it came; SMTP where not named
    names: tuple[int, dict[str, list[Mailbox]]] = field(default=(-1, {}), init=False)  # an index; see `recipients`
    _worked: dict[str, Any] | None = None
    _since: float = float("-inf")

    def __post_init__(self) -> None:
        self._worked = self.outlook_anywhere
        self.hosts = {relay.client_ip: relay.host for relay in self.directory.relays}
        self.relayed = sorted(_relayed(self.directory, self.domains[0]), key=lambda arrival: arrival.at)
        self.sources = {
            _relayed_id(number, hours, relay.host): relay.source
            for number, relay in enumerate(self.directory.relays)
            for hours in relay.hours
        }

    @property
    def major(self) -> int:
        """8: 2007, 14: 2010, 15: 2013 and later."""
        return int(self.version.split(".")[0])

    @property
    def speech(self) -> Culture:
        return CULTURES[self.culture]

    def set_outlook_anywhere(self, settings: dict[str, Any] | None) -> None:
        """Change the setting, as the cmdlets do; it takes effect after `effective_after`."""
        with self.lock:
            self._worked = self.working_outlook_anywhere()
            self.outlook_anywhere = dict(settings) if settings is not None else None
            self._since = time.monotonic() + self.effective_after

    def working_outlook_anywhere(self) -> dict[str, Any] | None:
        """What the RPC proxy does at this moment; it lags behind the setting by `effective_after`."""
        with self.lock:
            return self.outlook_anywhere if time.monotonic() >= self._since else self._worked

    def picture(self) -> dict[str, Any]:
        """Every setting, JSON-able and without mail or passwords: equal pictures mean that nothing was changed."""
        with self.lock:
            return {
                "server": self.server,
                "version": self.version,
                "outlook_anywhere": self.outlook_anywhere,
                "settings": {name: self.settings[name] for name in sorted(self.settings)},
                "mailboxes": {
                    address: {
                        "display_name": box.display_name,
                        "kind": box.kind,
                        "aliases": list(box.aliases),
                        "legacy_exchange_dn": box.legacy_exchange_dn,
                        "hidden": box.hidden,
                    }
                    for address, box in sorted(self.store.mailboxes.items())
                },
            }


def _relayed(directory: Directory, domain: str) -> Iterator[Arrival]:
    for number, relay in enumerate(directory.relays):
        for hours in relay.hours:
            yield Arrival(
                at=now() - timedelta(hours=hours),
                message_id=_relayed_id(number, hours, relay.host),
                sender=relay.sender,
                recipients=relay.recipients or (f"postmaster@{domain}",),
                client_ip=relay.client_ip,
            )


def _relayed_id(number: int, hours: int, host: str) -> str:
    return f"<{number}.{hours}@{host}>"
