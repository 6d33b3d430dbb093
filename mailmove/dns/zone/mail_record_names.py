"""Names and types of the record sets that concern the move of a zone's mail; no other set is changed."""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.dns.canonical import absolute
from mailmove.dns.server_made import is_server_made
from mailmove.records import Key, Zone

_TYPES = {
    "": ("SOA", "NS", "MX", "TXT", "A", "AAAA", "CNAME"),
    "autodiscover.": ("CNAME", "A", "AAAA"),
    "_autodiscover._tcp.": ("SRV",),
    "_dmarc.": ("TXT", "CNAME"),
    "_mta-sts.": ("TXT", "CNAME"),
    "_smtp._tls.": ("TXT",),
    "selector1._domainkey.": ("CNAME", "TXT"),
    "selector2._domainkey.": ("CNAME", "TXT"),
}
USUAL_NAMES = ("*", "www", "mail", "shop", "news", "newsletter", "info", "lists", "support", "intern", "office")
"""Names below a domain that often have an MX of their own; a zone that can be transferred shows all that it has."""
_NEW_ALIASES = ("autodiscover.", "selector1._domainkey.", "selector2._domainkey.")
_NEVER_CHANGED = {("", "SOA"), ("", "NS"), ("", "A"), ("", "AAAA"), ("", "CNAME")}


def seen_by_move(zone: str) -> list[Key]:
    """Keys of the sets that a move reads, asked for one by one where there is no transfer and no API."""
    apex = absolute(zone)
    return [(f"{prefix}{apex}", rtype) for prefix, rtypes in _TYPES.items() for rtype in rtypes]


def changed_by_move(zone: str) -> set[Key]:
    """Keys of the sets that a move may change: never the delegation, and never the website."""
    apex = absolute(zone)
    return set(seen_by_move(zone)) - {(f"{prefix}{apex}", rtype) for prefix, rtype in _NEVER_CHANGED}


def whole_zone(apex: str) -> list[Key]:
    """Keys that tell of a zone which the mail domain is only a part of: its SOA, its NS, who else has mail there."""
    return [(apex, "SOA"), (apex, "NS"), (apex, "MX"), *usual_other_names(apex)]


def changed_tonight(zone: Zone, domain: str, also: Iterable[Key] = ()) -> list[Key]:
    """Keys of the sets that every cutover of the domain changes in this zone, and `also`: what a right is tried on.

    MX, TXT (SPF and Microsoft's proof), Autodiscover with what its CNAME displaces, the SRV that is there, DKIM.
    """
    apex = absolute(domain)
    aliases = [(f"{prefix}{apex}", "CNAME") for prefix in _NEW_ALIASES]
    there = [key for key in zone if key[0] == aliases[0][0] or key == (f"_autodiscover._tcp.{apex}", "SRV")]
    keys = [(apex, "MX"), (apex, "TXT"), *aliases, *there, *also]
    return [key for key in dict.fromkeys(keys) if not is_server_made(key[1])]


def usual_other_names(zone: str) -> list[Key]:
    """Keys of MX sets that other names of the zone may have: read to be named to people, and never changed."""
    apex = absolute(zone)
    return [(f"{name}.{apex}", "MX") for name in USUAL_NAMES]
