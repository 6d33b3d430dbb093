"""Dynamic update (RFC 2136) against a zone: prerequisites, then all changes or none."""

from __future__ import annotations

import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update

from lab.dns.zone_data import rrset, wire_set
from mailmove.records import Zone


class Rejected(Exception):
    """The update fails with this response code; nothing has changed."""

    def __init__(self, rcode: dns.rcode.Rcode) -> None:
        super().__init__(dns.rcode.to_text(rcode))
        self.rcode = rcode


def updated(zone: Zone, origin: str, message: dns.update.UpdateMessage) -> Zone:
    """The zone after the update. Rejected: a prerequisite failed, or the message is malformed."""
    apex = dns.name.from_text(origin)
    for section in (message.prerequisite, message.update):
        if any(not one.name.is_subdomain(apex) for one in section):
            raise Rejected(dns.rcode.NOTZONE)
    _check_prerequisites(zone, message)
    new = dict(zone)
    for one in message.update:
        _change(new, origin, one)
    return new


def _check_prerequisites(zone: Zone, message: dns.update.UpdateMessage) -> None:
    """RFC 2136 section 3.2."""
    expected: dict[tuple[str, str], set[dns.rdata.Rdata]] = {}
    for one in message.prerequisite:
        name, rtype = _key(one)
        at_name = any(key[0] == name for key in zone)
        if one.deleting == dns.rdataclass.ANY:
            if one.rdtype == dns.rdatatype.ANY:
                _require(at_name, dns.rcode.NXDOMAIN)
            else:
                _require((name, rtype) in zone, dns.rcode.NXRRSET)
        elif one.deleting == dns.rdataclass.NONE:
            if one.rdtype == dns.rdatatype.ANY:
                _require(not at_name, dns.rcode.YXDOMAIN)
            else:
                _require((name, rtype) not in zone, dns.rcode.YXRRSET)
        else:
            _require(one.ttl == 0, dns.rcode.FORMERR)
            expected.setdefault((name, rtype), set()).update(one)
    for key, values in expected.items():
        held = zone.get(key)
        _require(held is not None and set(wire_set(held)) == values, dns.rcode.NXRRSET)


def _require(holds: bool, otherwise: dns.rcode.Rcode) -> None:
    if not holds:
        raise Rejected(otherwise)


def _change(zone: Zone, origin: str, one: dns.rrset.RRset) -> None:
    """RFC 2136 section 3.4.2. SOA and NS of the apex cannot be deleted."""
    name, rtype = _key(one)
    kept = {(origin, "SOA"), (origin, "NS")}
    if one.deleting == dns.rdataclass.ANY:
        for key in [key for key in zone if key[0] == name and rtype in (key[1], "ANY") and key not in kept]:
            del zone[key]
    elif one.deleting == dns.rdataclass.NONE:
        held = zone.get((name, rtype))
        if held is None or rtype == "SOA":
            return
        left = [rdata.to_text() for rdata in wire_set(held) if rdata not in one]
        if left:
            zone[name, rtype] = rrset(name, rtype, held.ttl, *left)
        elif (name, rtype) not in kept:
            del zone[name, rtype]
    else:
        others = {key[1] for key in zone if key[0] == name} - {rtype}
        if (rtype == "CNAME" and others) or "CNAME" in others:
            return  # silently ignored, says the RFC
        held = zone.get((name, rtype)) if rtype not in ("CNAME", "SOA") else None
        values = [*(_texts(wire_set(held)) if held else []), *_texts(one)]
        zone[name, rtype] = rrset(name, rtype, one.ttl, *values)


def _key(one: dns.rrset.RRset) -> tuple[str, str]:
    return one.name.to_text().lower(), dns.rdatatype.to_text(one.rdtype)


def _texts(one: dns.rrset.RRset) -> list[str]:
    return [rdata.to_text() for rdata in one]
