"""Dynamic update (RFC 2136) against a zone: prerequisites, then all changes or none."""

from __future__ import annotations

from collections.abc import Callable

import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update

from lab.dns.zone_data import rrset, wire_set
from mailmove.records import RRset, Zone


class Rejected(Exception):
    """The update fails with this response code; nothing has changed."""

    def __init__(self, rcode: dns.rcode.Rcode) -> None:
        super().__init__(dns.rcode.to_text(rcode))
        self.rcode = rcode


def updated(
    zone: Zone, origin: str, message: dns.update.UpdateMessage, kept: Callable[[RRset], dns.rrset.RRset] = wire_set
) -> Zone:
    """The zone after the update. kept: a set in the bytes that are compared. Rejected: a prerequisite failed, or the
    message is malformed.
    """
    apex = dns.name.from_text(origin)
    for section in (message.prerequisite, message.update):
        if any(not record_set.name.is_subdomain(apex) for record_set in section):
            raise Rejected(dns.rcode.NOTZONE)
    _check_prerequisites(zone, message, kept)
    new = dict(zone)
    for record_set in message.update:
        _change(new, origin, record_set)
    return new


def _check_prerequisites(
    zone: Zone, message: dns.update.UpdateMessage, kept: Callable[[RRset], dns.rrset.RRset]
) -> None:
    """RFC 2136 section 3.2."""
    expected: dict[tuple[str, str], set[dns.rdata.Rdata]] = {}
    for record_set in message.prerequisite:
        name, rtype = _key(record_set)
        at_name = any(key[0] == name for key in zone)
        if record_set.deleting == dns.rdataclass.ANY:
            if record_set.rdtype == dns.rdatatype.ANY:
                _require(at_name, dns.rcode.NXDOMAIN)
            else:
                _require((name, rtype) in zone, dns.rcode.NXRRSET)
        elif record_set.deleting == dns.rdataclass.NONE:
            if record_set.rdtype == dns.rdatatype.ANY:
                _require(not at_name, dns.rcode.YXDOMAIN)
            else:
                _require((name, rtype) not in zone, dns.rcode.YXRRSET)
        else:
            _require(record_set.ttl == 0, dns.rcode.FORMERR)
            expected.setdefault((name, rtype), set()).update(record_set)
    for key, values in expected.items():
        held = zone.get(key)
        _require(held is not None and set(kept(held)) == values, dns.rcode.NXRRSET)


def _require(holds: bool, otherwise: dns.rcode.Rcode) -> None:
    if not holds:
        raise Rejected(otherwise)


def _change(zone: Zone, origin: str, record_set: dns.rrset.RRset) -> None:
    """RFC 2136 section 3.4.2. SOA and NS of the apex cannot be deleted."""
    name, rtype = _key(record_set)
    kept = {(origin, "SOA"), (origin, "NS")}
    if record_set.deleting == dns.rdataclass.ANY:
        for key in [key for key in zone if key[0] == name and rtype in (key[1], "ANY") and key not in kept]:
            del zone[key]
    elif record_set.deleting == dns.rdataclass.NONE:
        held = zone.get((name, rtype))
        if held is None or rtype == "SOA":
            return
        left = [rdata.to_text() for rdata in wire_set(held) if rdata not in record_set]
        if left:
            zone[name, rtype] = rrset(name, rtype, held.ttl, *left)
        elif (name, rtype) not in kept:
            del zone[name, rtype]
    else:
        others = {key[1] for key in zone if key[0] == name} - {rtype}
        if (rtype == "CNAME" and others) or "CNAME" in others:
            return  # silently ignored, says the RFC
        held = zone.get((name, rtype)) if rtype not in ("CNAME", "SOA") else None
        values = [*(_texts(wire_set(held)) if held else []), *_texts(record_set)]
        zone[name, rtype] = rrset(name, rtype, record_set.ttl, *values)


def _key(record_set: dns.rrset.RRset) -> tuple[str, str]:
    return record_set.name.to_text().lower(), dns.rdatatype.to_text(record_set.rdtype)


def _texts(record_set: dns.rrset.RRset) -> list[str]:
    return [rdata.to_text() for rdata in record_set]
