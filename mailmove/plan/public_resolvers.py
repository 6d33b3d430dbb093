"""The shipped, dated list of public resolvers (`public-resolvers.json`): their operators, regions and purge pages.

Only resolvers that their operator publishes for everybody; where it has one, the service that does not filter. Each has
the reason why it is on the list and the operator's own page; those that were looked at and left off have theirs, too.
"""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_FILE = Path(__file__).with_name("public-resolvers.json")


class Operator(BaseModel):
    """One operator's public resolvers; they share a cache policy, so a weight counts for all of them together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str
    region: str = Field(description="Where it is mostly used; `world` for anycast on every continent")
    country: str = Field(default="", description="ISO 3166-1 code of the operator's seat: whose courts it obeys")
    addresses: tuple[str, ...] = Field(min_length=1, description="IPv4 addresses")
    ipv6: tuple[str, ...] = Field(default=(), description="IPv6 addresses, asked where this machine has IPv6")
    doh: str | None = Field(default=None, description="URL for DNS over HTTPS (RFC 8484)")
    purge_page: str | None = Field(default=None, description="Where a person empties its cache of one name")
    purge_api: str | None = Field(default=None, description="The same by POST, with ?domain=&type=")
    identity: str | None = Field(default=None, description="Regular expression of what it says to id.server CH TXT")
    filtering: str = Field(default="", description="What it does not answer truly, as its operator says")
    reason: str = Field(default="", description="Why it is on the list")
    source: str = Field(default="", description="The operator's page")
    note: str | None = None


class LeftOff(BaseModel):
    """Resolvers that were looked at and are not asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str
    addresses: tuple[str, ...]
    reason: str


class ResolverList(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dated: str = Field(description="ISO date of the last review, by the operators' pages and public lists that agree")
    operators: tuple[Operator, ...]
    left_off: tuple[LeftOff, ...] = ()


@cache
def shipped() -> ResolverList:
    """The list."""
    return ResolverList.model_validate_json(_FILE.read_text(encoding="utf-8"))


def public_addresses(*, ipv6: bool | None = None) -> list[str]:
    """Every address of the list, the operators' first ones first, IPv6 last. ipv6: None: if this machine has it."""
    by_rank = [(index, address) for operator in shipped().operators for index, address in enumerate(operator.addresses)]
    ranked = [address for _, address in sorted(by_rank, key=lambda pair: pair[0])]
    if has_ipv6() if ipv6 is None else ipv6:
        ranked += [address for operator in shipped().operators for address in operator.ipv6]
    return ranked


def has_ipv6() -> bool:
    """Has this machine an address and a route to the world of IPv6? Nothing is sent."""
    world = next(address for operator in shipped().operators for address in operator.ipv6)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
            asking.connect((world, 53))
    except OSError:
        return False
    return True


@cache
def operator_at(address: str) -> Operator | None:
    """The operator of the resolver at this IP address; None: not on the list."""
    return next(
        (operator for operator in shipped().operators if address in (*operator.addresses, *operator.ipv6)), None
    )


def operator_of(address: str) -> str:
    """The operator's name; the address itself for a resolver that is not on the list."""
    known = operator_at(address)
    return known.operator if known else address


def doh_url(address: str) -> str | None:
    """URL of the resolver at this address for DNS over HTTPS; None: it has none, or it is not known."""
    known = operator_at(address)
    return known.doh if known else None
