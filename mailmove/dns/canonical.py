"""Record sets as dnspython holds them, and one spelling for each so that sets compare as DNS compares them."""

from __future__ import annotations

from collections.abc import Iterable

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset

from mailmove.dns.server_made import without_server_made
from mailmove.dns.spelling import canonical_value, parsed, spelling
from mailmove.domain_names import to_ascii
from mailmove.records import RRset, Zone

__all__ = [
    "absolute", "canonical", "canonical_value", "displaced_by", "from_dns", "same", "same_values", "spelled_as",
    "to_dns", "values_of",
]  # fmt: skip


def to_dns(rrset: RRset) -> dns.rrset.RRset:
    """The set as dnspython holds it. ValueError: a value is not valid presentation format."""
    try:
        rdatas = [parsed(rrset.type, value) for value in rrset.values]
        return dns.rrset.from_rdata_list(dns.name.from_text(rrset.name), rrset.ttl, rdatas)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{rrset.name} {rrset.type} has a malformed value: {error}") from error


def values_of(answer: dns.rrset.RRset) -> tuple[str, ...]:
    """The values of a set from the wire, each in its one spelling, sorted."""
    return tuple(sorted({spelling(dns.rdatatype.to_text(answer.rdtype), rdata) for rdata in answer}))


def from_dns(answer: dns.rrset.RRset) -> RRset:
    """A set from the wire as a plain value."""
    return RRset(
        name=answer.name.to_text(), type=dns.rdatatype.to_text(answer.rdtype), ttl=answer.ttl, values=values_of(answer)
    )


def canonical(rrset: RRset) -> RRset:
    """The same set with every value in its one spelling, as a new RRset has them; for one that was copied."""
    return RRset(name=rrset.name, type=rrset.type, ttl=rrset.ttl, values=rrset.values)


def spelled_as(wanted: RRset, standing: Iterable[str]) -> list[str]:
    """The values of a set as they are to be written: what stands there already keeps the spelling that it has.

    standing: values as the provider spells them. So nobody else's record is written anew in other pieces.
    """
    kept = {canonical_value(wanted.type, value): value for value in standing}
    return [kept.get(value, value) for value in canonical(wanted).values]


def same_values(first: RRset | None, second: RRset | None) -> bool:
    """Do both sets hold the same records, whatever their TTLs? None: no such set."""
    if first is None or second is None:
        return first is second
    return canonical(first).values == canonical(second).values


def same(first: RRset | None, second: RRset | None) -> bool:
    """Do both sets hold the same records with the same TTL? None: no such set."""
    return same_values(first, second) and (first is None or second is None or first.ttl == second.ttl)


def absolute(domain: str) -> str:
    """Lower case, letters outside ASCII as `xn--`, with the last dot. ValueError: no registry allows the name."""
    return to_ascii(domain).rstrip(".") + "."


def displaced_by(zone: Zone, wanted: Iterable[RRset]) -> list[RRset]:
    """The sets at names that get a CNAME; it allows no other set beside it (RFC 1034 section 3.6.2).

    Signatures and the like go and come with what they speak of (RFC 4035 section 2.5): they are not among them.
    """
    aliases = {rrset.name for rrset in wanted if rrset.type == "CNAME"}
    return [
        rrset for key, rrset in sorted(without_server_made(zone).items()) if key[0] in aliases and key[1] != "CNAME"
    ]
