"""Record sets as dnspython holds them, and one spelling for each so that sets compare as DNS compares them."""

from __future__ import annotations

from collections.abc import Iterable

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from mailmove.records import RRset, Zone

_NAMES_IN_RDATA = {"MX", "CNAME", "NS", "PTR", "SRV", "SOA", "DNAME"}
"""Record types whose RDATA holds only names and numbers: case has no meaning (RFC 4343)."""


def to_dns(rrset: RRset) -> dns.rrset.RRset:
    """The set as dnspython holds it. ValueError: a value is not valid presentation format."""
    try:
        return dns.rrset.from_text(rrset.name, rrset.ttl, "IN", rrset.type, *rrset.values)
    except dns.exception.DNSException as error:
        raise ValueError(f"{rrset.name} {rrset.type} has a malformed value: {error}") from error


def values_of(answer: dns.rrset.RRset) -> tuple[str, ...]:
    """The values of a set from the wire, each in its one spelling, sorted."""
    return tuple(sorted({_spelling(dns.rdatatype.to_text(answer.rdtype), rdata) for rdata in answer}))


def from_dns(answer: dns.rrset.RRset) -> RRset:
    """A set from the wire as a plain value."""
    return RRset(
        name=answer.name.to_text(), type=dns.rdatatype.to_text(answer.rdtype), ttl=answer.ttl, values=values_of(answer)
    )


def canonical(rrset: RRset) -> RRset:
    """The same set with every value in its one spelling; a value that cannot be parsed stays as it is."""
    values = tuple(canonical_value(rrset.type, value) for value in rrset.values)
    return RRset(name=rrset.name, type=rrset.type, ttl=rrset.ttl, values=values)


def canonical_value(rtype: str, value: str) -> str:
    """One value in its one spelling."""
    try:
        return _spelling(rtype, dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rtype), value))
    except (dns.exception.DNSException, dns.rdatatype.UnknownRdatatype):
        return value


def same_values(first: RRset | None, second: RRset | None) -> bool:
    """Do both sets hold the same records, whatever their TTLs? None: no such set."""
    if first is None or second is None:
        return first is second
    return canonical(first).values == canonical(second).values


def same(first: RRset | None, second: RRset | None) -> bool:
    """Do both sets hold the same records with the same TTL? None: no such set."""
    return same_values(first, second) and (first is None or second is None or first.ttl == second.ttl)


def absolute(domain: str) -> str:
    """Lower case, with the last dot."""
    return domain.lower().rstrip(".") + "."


def displaced_by(zone: Zone, wanted: Iterable[RRset]) -> list[RRset]:
    """The sets at names that get a CNAME; it allows no other set beside it (RFC 1034 section 3.6.2)."""
    aliases = {rrset.name for rrset in wanted if rrset.type == "CNAME"}
    return [rrset for key, rrset in sorted(zone.items()) if key[0] in aliases and key[1] != "CNAME"]


def _spelling(rtype: str, rdata: dns.rdata.Rdata) -> str:
    text = str(rdata.to_text())
    return text.lower() if rtype in _NAMES_IN_RDATA else text
