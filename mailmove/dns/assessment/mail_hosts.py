"""Where a domain's MX records lead: which addresses their hosts have, and what senders make of that."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.assessment.mail_filters import filter_of
from mailmove.dns.client.lanes import is_address
from mailmove.dns.client.lookups import Lookup
from mailmove.dns.mail_auth.record_verdict import RecordState

_OUT_OF_REACH = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
"""Networks that nobody reaches from outside: private, shared, of this machine, of this link (RFC 6890)."""


class MailHost(BaseModel):
    """The host of an MX record."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: RecordState = "not asked"
    addresses: tuple[str, ...] = ()
    alias_of: str = Field(default="", description="Target of its CNAME; '': it has none")
    literal: bool = Field(default=False, description="Is it an IP address, where a name must stand?")
    filter: str = Field(default="", description="Whose filter or mail service it is, by its name; '': not known")
    error: str | None = Field(default=None, description="Why its addresses could not be asked")

    @property
    def absent(self) -> bool:
        """Has it no address at all?"""
        return self.state == "answered" and not self.addresses and not self.literal

    @property
    def out_of_reach(self) -> list[str]:
        """Its addresses that nobody reaches from outside."""
        return [address for address in self.addresses if _is_out_of_reach(address)]


async def read_mail_hosts(names: Sequence[str], lookup: Lookup) -> list[MailHost]:
    """Each host, in the order of `names`."""
    return list(await asyncio.gather(*(_host(name, lookup) for name in names)))


async def _host(name: str, lookup: Lookup) -> MailHost:
    if is_address(name.rstrip(".")):
        return MailHost(name=name, state="answered", literal=True)
    ipv4, ipv6, alias = await asyncio.gather(lookup(name, "A"), lookup(name, "AAAA"), lookup(name, "CNAME"))
    addresses = (*ipv4.values, *ipv6.values)
    error = None if addresses else ipv4.error or ipv6.error
    return MailHost(
        name=name,
        state="no answer" if error else "answered",
        addresses=addresses,
        alias_of=alias.values[0] if alias.values else "",
        filter=filter_of(name),
        error=error,
    )


def _is_out_of_reach(address: str) -> bool:
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(number in network for network in _OUT_OF_REACH if network.version == number.version)
