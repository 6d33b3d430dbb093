"""What a name server puts into a zone by itself: nobody's records, which nobody moves, displaces or puts back.

The one place that knows it: reading, comparing, the search for what stands beside a CNAME, and rollback ask here.
"""

from __future__ import annotations

from mailmove.records import RRset, Zone

SERVER_MADE = {
    "RRSIG": "RFC 4034 section 3",
    "NSEC": "RFC 4034 section 4",
    "DNSKEY": "RFC 4034 section 2",
    "NSEC3": "RFC 5155 section 3",
    "NSEC3PARAM": "RFC 5155 section 4",
    "CDS": "RFC 7344 section 3.1",
    "CDNSKEY": "RFC 7344 section 3.2",
    "ZONEMD": "RFC 8976 section 2",
    "SIG": "RFC 2535 section 4, no longer written since RFC 3755",
    "NXT": "RFC 2535 section 5, no longer written since RFC 3755",
}
"""Record types that signing servers keep, by the RFC that defines each."""
PRIVATE = range(65280, 65536)
"""Type numbers for private use (RFC 6895 section 3.1): a server's notes to itself, as BIND's TYPE65534 on signing."""
WRITTEN_BY_PEOPLE = {65401: "ALIAS", 65402: "LUA"}
"""Private numbers that are content all the same: PowerDNS transfers its ALIAS and LUA records so (pdns/qtype.hh)."""


def is_server_made(rtype: str) -> bool:
    """Does a server make sets of this type by itself? rtype: as text, `RRSIG` or `TYPE65534` (RFC 3597 section 5)."""
    number = rtype.upper().removeprefix("TYPE")
    if number.isdecimal() and number.isascii():
        return int(number) in PRIVATE and int(number) not in WRITTEN_BY_PEOPLE
    return rtype.upper() in SERVER_MADE


def without_server_made(zone: Zone) -> dict[tuple[str, str], RRset]:
    """The sets of a zone that somebody has written."""
    return {key: rrset for key, rrset in zone.items() if not is_server_made(key[1])}
