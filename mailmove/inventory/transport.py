"""The ways that mail takes into the old server and out of it: connectors, rules, and who hands mail in."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class SendConnector(_Fact):
    """A way out of the server."""

    name: str
    address_spaces: tuple[str, ...] = Field(description="Domains, as '*', '*.contoso.com', 'contoso.com'")
    smart_hosts: tuple[str, ...] = Field(default=(), description="Names or addresses; (): by the recipient's MX")
    enabled: bool = True
    scoped: bool = Field(default=False, description="For the servers of its own site only")

    @property
    def of_everything(self) -> bool:
        """Whether mail to every domain goes by it."""
        return "*" in self.address_spaces or "--" in self.address_spaces


class ReceiveConnector(_Fact):
    """A way into the server."""

    name: str
    bindings: tuple[str, ...] = Field(description="Where it listens, as Exchange says it: '0.0.0.0:25', '[::]:587'")
    remote_ranges: tuple[str, ...] = Field(description="Who may use it: '0.0.0.0-255.255.255.255', '10.0.0.0/8'")
    groups: tuple[str, ...] = Field(default=(), description="PermissionGroups: 'AnonymousUsers', 'ExchangeUsers'")
    auth: tuple[str, ...] = Field(default=(), description="AuthMechanism: 'Tls', 'ExternalAuthoritative'")
    enabled: bool = True


class TransportRule(_Fact):
    """A rule of the transport service. to: recipients that it adds or sends mail to instead."""

    name: str
    to: tuple[str, ...] = ()
    enabled: bool = True


class Deliverer(_Fact):
    """Who hands in mail from outside, by the tracking log: mail whose sender is in none of the accepted domains."""

    client_ip: str = Field(description="'': the folder Pickup, in which a program puts files")
    host: str = Field(default="", description="What it calls itself; may be empty")
    messages: int
    sender_domains: int = Field(description="Different domains of their senders")
    by_domain: dict[str, int] = Field(default={}, description="Recipient's domain -> messages; '': not shown")
    last: datetime


class Incoming(_Fact):
    """Mail from outside in the two weeks before."""

    deliverers: tuple[Deliverer, ...] = Field(default=(), description="The busiest first")
    recipients: dict[str, int] = Field(default={}, description="Addresses in accepted domains -> messages")
    of_unknown: int = Field(default=0, description="Messages of which the log names the server itself as client")
