"""Addresses of one lab town: loopback only, ports that were free, the same port on every host.

A town owns 127.a.b.0/24 with random a and b, so that towns in parallel tests never meet. All name servers share
one port (where the world uses 53), all mail servers one (25), all web servers one (443): a host is told apart by
its address, as in life.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field


def free_ports(count: int = 3) -> tuple[int, ...]:
    """Different ports, free for TCP and UDP. All stay bound until the last is chosen."""
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp.bind(("0.0.0.0", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("0.0.0.0", port))
            except OSError:
                continue
            ports.append(port)
        return tuple(ports)


@dataclass(frozen=True)
class Places:
    """Where everything in a town listens."""

    net: str = field(default_factory=lambda: f"127.{random.randint(16, 250)}.{random.randint(0, 255)}")
    ports: tuple[int, ...] = field(default_factory=free_ports)

    @property
    def dns_port(self) -> int:
        return self.ports[0]

    @property
    def smtp_port(self) -> int:
        return self.ports[1]

    @property
    def https_port(self) -> int:
        return self.ports[2]

    def host(self, number: int) -> str:
        """Address of host `number` (1 to 254)."""
        return f"{self.net}.{number}"

    # Who lives where. Resolvers take 100 and up, senders 200 and up.
    @property
    def name_servers(self) -> tuple[str, str]:
        return self.host(11), self.host(12)

    @property
    def old_server(self) -> str:
        """Public address of the customer: HTTPS of the old Exchange, and the gateway's port 25."""
        return self.host(21)

    @property
    def old_server_inside(self) -> str:
        """Where the old Exchange itself takes SMTP, behind the gateway; printers deliver here."""
        return self.host(22)

    @property
    def cloud(self) -> str:
        """Microsoft: token endpoint, Graph, Exchange admin REST, Partner Center on HTTPS; mail on SMTP."""
        return self.host(31)

    @property
    def outside_mail(self) -> str:
        """Where the senders of the outside world take their bounces."""
        return self.host(41)

    def resolver(self, index: int) -> str:
        return self.host(100 + index)

    def sender(self, index: int) -> str:
        """Source address of a sending mail server."""
        return self.host(200 + index)
