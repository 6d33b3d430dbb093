"""Small real parts for these tests: mail sinks by aiosmtpd, and a town's DNS of one resolver."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller

from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places

DOMAIN = "northwind.example"


def eventually(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.02)


class _Listener(Controller):
    def _trigger_server(self) -> None:
        """aiosmtpd's own "am I up" call; it would wait a second for a banner that must follow a PROXY line."""
        socket.create_connection((self.hostname, self.port), timeout=5).close()


@dataclass
class Sink:
    """A mail server that keeps what it is given. `rcpt` and `data` are its answers."""

    address: str
    port: int
    proxied: bool = False
    rcpt: str = "250 OK"
    data: str = "250 OK"
    taken: list[tuple[str, str, bytes]] = field(default_factory=list)  # (client, recipient, content)

    async def handle_PROXY(self, server: Any, session: Any, envelope: Any, proxy_data: Any) -> bool:
        session.proxied_from = str(proxy_data.src_addr)
        return True

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data.startswith("250"):
            client = getattr(session, "proxied_from", session.peer[0])
            self.taken.append((client, envelope.rcpt_tos[0], bytes(envelope.original_content)))
        return self.data

    def __enter__(self) -> Sink:
        more: dict[str, Any] = {"proxy_protocol_timeout": 5.0} if self.proxied else {}
        self._controller = _Listener(self, hostname=self.address, port=self.port, ready_timeout=10, **more)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()


def dns_of(places: Places, mail_server: str, faults: Faults, ttl: int = 1) -> TownDns:
    """`northwind.example` with its MX at an address."""
    return TownDns(
        places,
        kind="rfc2136",
        zones={DOMAIN: zone(mail_server, ttl)},
        resolvers=[HONEST],
        faults=faults,
    )


def zone(mail_server: str, ttl: int = 1) -> list[Any]:
    return [rrset(DOMAIN, "MX", ttl, f"10 mail.{DOMAIN}."), rrset(f"mail.{DOMAIN}", "A", ttl, mail_server)]
