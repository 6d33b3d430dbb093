"""The shipped, dated list of public resolvers (`public-resolvers.json`): their operators, regions and purge pages.

Only resolvers that their operator publishes for everybody; where it has one, the service that does not filter.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_FILE = Path(__file__).with_name("public-resolvers.json")


class Operator(BaseModel):
    """One operator's public resolvers; they share a cache policy, so a weight counts for all of them together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str
    region: str = Field(description="Where it is mostly used; `world` for anycast on every continent")
    addresses: tuple[str, ...] = Field(min_length=1, description="IP addresses")
    doh: str | None = Field(default=None, description="URL for DNS over HTTPS (RFC 8484)")
    purge_page: str | None = Field(default=None, description="Where a person empties its cache of one name")
    purge_api: str | None = Field(default=None, description="The same by POST, with ?domain=&type=")
    identity: str | None = Field(default=None, description="Regular expression of what it says to id.server CH TXT")
    note: str | None = None


class ResolverList(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dated: str = Field(description="ISO date on which the list was put together, from public lists that agree")
    operators: tuple[Operator, ...]


@cache
def shipped() -> ResolverList:
    """The list."""
    return ResolverList.model_validate_json(_FILE.read_text(encoding="utf-8"))


def public_addresses() -> list[str]:
    """Every address of the list, the operators' first ones first."""
    by_rank = [(index, address) for operator in shipped().operators for index, address in enumerate(operator.addresses)]
    return [address for _, address in sorted(by_rank, key=lambda pair: pair[0])]


@cache
def operator_at(address: str) -> Operator | None:
    """The operator of the resolver at this IP address; None: not on the list."""
    return next((operator for operator in shipped().operators if address in operator.addresses), None)


def operator_of(address: str) -> str:
    """The operator's name; the address itself for a resolver that is not on the list."""
    known = operator_at(address)
    return known.operator if known else address


def doh_url(address: str) -> str | None:
    """URL of the resolver at this address for DNS over HTTPS; None: it has none, or it is not known."""
    known = operator_at(address)
    return known.doh if known else None
