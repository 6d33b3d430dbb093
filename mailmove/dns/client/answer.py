"""The answer of one name server to one question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mailmove.clock import now

Server = tuple[str, int]
"""IP address and port."""

Via = Literal["udp", "tcp", "https"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One server's answer. Exactly one of `rcode` NOERROR / NXDOMAIN and `error` is the case.

    A plain value and no model: a sweep makes one for each of ten thousands of packets a second.

    server: ip:port. rcode: NOERROR, NXDOMAIN, SERVFAIL, ...; None: no answer came. values: RDATA in presentation
    format, sorted; (): no such records. ttl: seconds left, of the whole chain; of the denial if there are no records.
    elapsed: seconds. error: timeout, SERVFAIL, malformed, unreachable, ... via: how the answer came; https means that
    port 53 was of no use (RFC 8484). explained: codes of its extended errors (RFC 8914).
    """

    server: str
    name: str
    type: str
    rcode: str | None = None
    values: tuple[str, ...] = ()
    ttl: int | None = None
    authoritative: bool = False
    at: datetime = field(default_factory=now)
    elapsed: float = 0.0
    error: str | None = None
    via: Via = "udp"
    explained: tuple[int, ...] = ()

    @property
    def address(self) -> str:
        """The IP address of the server."""
        return address_of(self.server)


def address_of(server: str) -> str:
    """The IP address in `ip:port`."""
    return server.rpartition(":")[0]
