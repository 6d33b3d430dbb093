"""What was seen from outside, as plain values. An error is not an absence: each part says what did not answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mailmove.smtp.port_check import PortCheck
from mailmove.smtp.takes_mail import RcptCheck


class _Seen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Host(_Seen):
    """A host by name, as public DNS has it."""

    name: str = Field(description="Without the last dot")
    preference: int = Field(default=0, description="Of the MX record")
    alias: str = Field(default="", description="Where a CNAME at the name leads; '': there is none")
    aliases: tuple[str, ...] = Field(default=(), description="Where that alias leads in turn")
    addresses: tuple[str, ...] = ()
    pointers: tuple[str, ...] = Field(default=(), description="Names of its addresses (PTR)")
    ttl: int | None = Field(default=None, description="Seconds, of its addresses")
    literal: bool = Field(default=False, description="The MX names an address where a name must stand")
    error: str = Field(default="", description="Why its addresses are not known; '': they are, or there are none")

    @property
    def names(self) -> tuple[str, ...]:
        """Names that may tell what it is; its own first."""
        return tuple(name for name in (self.name, self.alias, *self.aliases, *self.pointers) if name)


class DomainSight(_Seen):
    """How a mail domain is served."""

    domain: str
    exists: bool = True
    hosts: tuple[Host, ...] = Field(default=(), description="MX hosts, the lowest preference first")
    null: bool = Field(default=False, description="RFC 7505: it takes no mail")
    wildcard: tuple[str, ...] = Field(default=(), description="MX values that any name below the domain has")
    error: str = Field(default="", description="Why nothing is known of it")


class WebHost(_Seen):
    """A host of the domain's web address, and what it says to mail for the domain."""

    domain: str
    name: str
    rcpt: RcptCheck


class Sights(_Seen):
    """Everything that was seen from outside. server: the old server, by the plan's names for it."""

    server: tuple[Host, ...] = ()
    domains: dict[str, DomainSight] = {}
    zone_hosts: tuple[Host, ...] = Field(default=(), description="Other names of the plan's zones, with addresses")
    zone_mx: dict[str, tuple[str, ...]] = Field(default={}, description="Name below a plan's domain -> its MX hosts")
    ports: tuple[PortCheck, ...] = ()
    web: tuple[WebHost, ...] = ()
    closed_at: str = Field(default="", description="The plan's name of the host whose port 25 is closed and verified")
    any_address: dict[str, RcptCheck] = Field(default={}, description="Domain -> what its first MX says to RCPT")
    smtp_port: int = 25
    silent: tuple[str, ...] = Field(default=(), description="What did not answer, in words")

    @property
    def server_addresses(self) -> frozenset[str]:
        """Addresses of the old server, by the plan's names that are no filter's."""
        return frozenset(address for host in self.server for address in host.addresses)

    def port(self, address: str, port: int) -> PortCheck | None:
        """None: it was not tried."""
        return next((check for check in self.ports if (check.address, check.port) == (address, port)), None)

    @property
    def greetings(self) -> frozenset[str]:
        """Names by which the old server greets on its mail port."""
        checks = [self.port(address, self.smtp_port) for address in self.server_addresses]
        return frozenset(check.greets_as for check in checks if check and check.greets_as)
