"""What public DNS says of the mail of some domains, and of the old server's names. Read-only."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Iterable, Sequence

import dns.reversename

from mailmove.dns.client.answer import Answer
from mailmove.dns.client.lookups import Lookup
from mailmove.dns.mail_auth import spf
from mailmove.streets.sights import DomainSight, Host

ADDRESSES = ("A", "AAAA")
_MOST_ALIASES = 6
_WHOLE = {False: ("",), True: ("32", "128")}
"""Whether a length is given -> lengths of a single address."""


async def domain_sight(domain: str, lookup: Lookup) -> DomainSight:
    """MX hosts with their addresses, and what a name below the domain that nobody has would get."""
    mx, below = await asyncio.gather(lookup(domain, "MX"), lookup(f"{secrets.token_hex(6)}.{domain}", "MX"))
    if mx.error:
        return DomainSight(domain=domain, error=f"MX {domain}: {mx.error}")
    values = sorted((_preference(value), value.split()[-1]) for value in mx.values)
    hosts = await asyncio.gather(*(host_sight(name, lookup, preference) for preference, name in values if name != "."))
    return DomainSight(
        domain=domain,
        exists=mx.rcode != "NXDOMAIN",
        hosts=tuple(hosts),
        null=any(name == "." for _, name in values),
        wildcard=tuple(sorted(value.split()[-1].rstrip(".") for value in below.values)),
    )


async def host_sight(name: str, lookup: Lookup, preference: int = 0) -> Host:
    """A host's alias, addresses and the names of those. An MX that is an address itself is asked for nothing."""
    bare = name.rstrip(".").lower()
    if _is_address(bare):
        return Host(name=bare, preference=preference, addresses=(bare,), literal=True)
    chain, answers = await asyncio.gather(
        _aliases(bare, lookup), asyncio.gather(*(lookup(bare, rtype) for rtype in ADDRESSES))
    )
    addresses = sorted({value for answer in answers for value in answer.values})
    pointers = await asyncio.gather(*(_pointers(address, lookup) for address in addresses))
    return Host(
        name=bare,
        preference=preference,
        alias=chain[0] if chain else "",
        aliases=tuple(chain[1:]),
        addresses=tuple(addresses),
        pointers=tuple(sorted({pointer for names in pointers for pointer in names})),
        ttl=min((answer.ttl for answer in answers if answer.values and answer.ttl is not None), default=None),
        error="" if addresses else _why(answers),
    )


async def spf_addresses(domain: str, lookup: Lookup) -> list[str]:
    """Single addresses that the domain's SPF record names; whole networks are left out."""
    answer = await lookup(domain, "TXT")
    terms = [term for value in answer.values if spf.is_spf(value) for term in spf.in_force(spf.text_of(value))]
    given = [(term.value + term.cidr).partition("/") for term in terms if term.name in ("ip4", "ip6")]
    return sorted({address for address, slash, bits in given if _is_address(address) and bits in _WHOLE[bool(slash)]})


async def _aliases(name: str, lookup: Lookup) -> list[str]:
    """Where a name leads by CNAME, one after the other."""
    chain: list[str] = []
    while len(chain) < _MOST_ALIASES:
        answer = await lookup(chain[-1] if chain else name, "CNAME")
        if answer.error or len(answer.values) != 1:
            break
        chain.append(answer.values[0].rstrip(".").lower())
    return chain


async def hosts_of(names: Iterable[str], lookup: Lookup) -> list[Host]:
    """Each name once."""
    return list(await asyncio.gather(*(host_sight(name, lookup) for name in dict.fromkeys(names))))


async def _pointers(address: str, lookup: Lookup) -> list[str]:
    answer = await lookup(dns.reversename.from_address(address).to_text(), "PTR")
    return [value.rstrip(".").lower() for value in answer.values]


def _why(answers: Sequence[Answer]) -> str:
    """An error where no server answered; "": they say that there is no address."""
    return next((answer.error for answer in answers if answer.error), "")


def _preference(value: str) -> int:
    first = value.split()[0]
    return int(first) if first.isdecimal() else 0


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
