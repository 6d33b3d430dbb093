"""Names and types of the record sets that concern the move of a zone's mail; no other set is read or changed."""

from __future__ import annotations

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
_NEVER_CHANGED = {("", "SOA"), ("", "NS"), ("", "A"), ("", "AAAA"), ("", "CNAME")}


def seen_by_move(zone: str) -> list[Key]:
    """Keys of the sets that a move reads, asked for one by one where there is no transfer and no API."""
    apex = zone.lower().rstrip(".") + "."
    return [(f"{prefix}{apex}", rtype) for prefix, rtypes in _TYPES.items() for rtype in rtypes]


def changed_by_move(zone: str) -> set[Key]:
    """Keys of the sets that a move may change: never the delegation, and never the website."""
    apex = zone.lower().rstrip(".") + "."
    return set(seen_by_move(zone)) - {(f"{prefix}{apex}", rtype) for prefix, rtype in _NEVER_CHANGED}
