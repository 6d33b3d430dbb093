"""Names and types of the record sets that concern the move of a zone's mail; no other set is changed."""

from __future__ import annotations

from mailmove.dns.canonical import absolute

Key = tuple[str, str]
"""(absolute owner name, type)."""

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
_NEVER_CHANGED = {("", "SOA"), ("", "NS"), ("", "A"), ("", "AAAA"), ("", "CNAME")}


def seen_by_move(zone: str) -> list[Key]:
    """Keys of the sets that a move reads, asked for one by one where there is no transfer and no API."""
    apex = absolute(zone)
    return [(f"{prefix}{apex}", rtype) for prefix, rtypes in _TYPES.items() for rtype in rtypes]


def changed_by_move(zone: str) -> set[Key]:
    """Keys of the sets that a move may change: never the delegation, and never the website."""
    apex = absolute(zone)
    return set(seen_by_move(zone)) - {(f"{prefix}{apex}", rtype) for prefix, rtype in _NEVER_CHANGED}


def usual_other_names(zone: str) -> list[Key]:
    """Keys of MX sets that other names of the zone may have: read to be named to people, and never changed."""
    apex = absolute(zone)
    return [(f"{name}.{apex}", "MX") for name in USUAL_NAMES]
