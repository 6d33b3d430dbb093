"""What zones and their servers have in the wild, beside what is asked of them: faults of the lab, by name.

Sources: RFC 4592 (wildcards), RFC 7208 section 3.3 (strings of one text), RFC 4343 (case), octodns 127 and 1089 (texts
cut elsewhere), lego 1777 and 1335, cert-manager 6510 (lame name servers), Internet.nl 1025 (`* CNAME`), tinydnssec 4
(`* MX`).
"""

from __future__ import annotations

import dns.rdata
import dns.rdatatype
import dns.rrset
from dns.rdtypes.txtbase import TXTBase

from lab import faults as lab_faults
from lab.dns.zone_data import rrset
from lab.faults import Faults
from mailmove.records import RRset, Zone

lab_faults.declare(
    dns_lame="the secondary is lame: it is delegated to, and answers REFUSED",
    dns_lame_silent="the secondary is lame: it never answers",
    dns_lame_servfail="the secondary is lame: it answers SERVFAIL",
    dns_lame_no_authority="the secondary is lame: it answers from a cache, without authority",
    dns_ns_without_address="the zone names a third name server, which has no address",
    dns_ns_by_ipv6_only="the zone names a fourth name server, which has an IPv6 address only",
    dns_txt_cut_elsewhere="texts are kept in pieces of 100 bytes, short ones in two",
    dns_names_in_capitals="names in records are kept in the capitals in which somebody typed them",
    dns_wildcard_cname="every zone has a `* CNAME` to a parking page",
    dns_wildcard_mx="every zone has a `* MX` to the hosts of its own MX",
    route53_other_spelling="Route 53 keeps values as somebody typed them: no last dot, capitals, texts cut elsewhere",
)

_LAME = {
    "dns.lame": "REFUSED",
    "dns.lame_silent": "",
    "dns.lame_servfail": "SERVFAIL",
    "dns.lame_no_authority": "no AA",
}
_PIECE = 100  # bytes


def lameness(faults: Faults) -> str | None:
    """What a lame secondary answers: an rcode, "no AA", or "" for nothing; None: it is not lame."""
    return next((answer for fault, answer in _LAME.items() if faults.take(fault)), None)


def with_oddities(origin: str, zone: Zone, faults: Faults) -> Zone:
    """The zone as it is served, with what the faults put there."""
    sets: list[RRset] = []
    if faults.take("dns.wildcard_cname"):
        sets.append(rrset(f"*.{origin}", "CNAME", 300, "parked.parking.example."))
    mx = zone.get((origin, "MX"))
    if mx and faults.take("dns.wildcard_mx"):
        sets.append(rrset(f"*.{origin}", "MX", mx.ttl, *mx.values))
    name_servers = zone.get((origin, "NS"))
    if name_servers:
        more = [name for fault, name in _MORE.items() if faults.take(fault)]
        sets += [rrset(origin, "NS", name_servers.ttl, *name_servers.values, *more)] if more else []
        if origin == _HOME and _MORE["dns.ns_by_ipv6_only"] in more:
            sets.append(rrset(_MORE["dns.ns_by_ipv6_only"], "AAAA", 300, "2001:db8::53"))
    return {**zone, **{record_set.key: record_set for record_set in sets}} if sets else zone


def as_kept(record_set: dns.rrset.RRset, faults: Faults) -> dns.rrset.RRset:
    """A set as the server keeps it: the same meaning, in the spelling of whoever typed it."""
    change = {
        "TXT": ("dns.txt_cut_elsewhere", _in_pieces),
        **dict.fromkeys(("MX", "CNAME", "SRV"), ("dns.names_in_capitals", _in_capitals)),
    }.get(dns.rdatatype.to_text(record_set.rdtype))
    if change is None or not faults.take(change[0]):
        return record_set
    return dns.rrset.from_rdata_list(record_set.name, record_set.ttl, [change[1](rdata) for rdata in record_set])


def typed(rtype: str, value: str) -> str:
    """A value as people type it into a form that takes anything: no last dot, capitals, pieces."""
    if "\\" in value:  # in octal by now
        return value
    if rtype == "TXT":
        return str(_in_pieces(dns.rdata.from_text("IN", "TXT", value)).to_text())
    if rtype in ("MX", "CNAME", "SRV"):
        return value.upper().rstrip(".") if value != "." and not value.endswith(" .") else value
    return value


def _in_pieces(rdata: dns.rdata.Rdata) -> dns.rdata.Rdata:
    assert isinstance(rdata, TXTBase)
    raw = b"".join(rdata.strings)
    size = _PIECE if len(raw) > _PIECE else max(1, len(raw) // 2)
    pieces = [raw[first : first + size] for first in range(0, len(raw), size)] or [b""]
    return type(rdata)(rdata.rdclass, rdata.rdtype, pieces)


def _in_capitals(rdata: dns.rdata.Rdata) -> dns.rdata.Rdata:
    return dns.rdata.from_text(rdata.rdclass, rdata.rdtype, str(rdata.to_text()).upper())


_HOME = "lab-dns.example."
_MORE = {"dns.ns_without_address": f"ns3.{_HOME}", "dns.ns_by_ipv6_only": f"ns4.{_HOME}"}
