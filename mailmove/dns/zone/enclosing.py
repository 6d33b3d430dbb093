"""The zone that a mail domain lies in: often its own, sometimes a larger one (mail.contoso.com in contoso.com).

Pure. Each provider looks up which of these names it has as a zone, the longest first.
"""

from __future__ import annotations

from mailmove.dns.canonical import absolute
from mailmove.errors import Blocked
from mailmove.records import Zone


def enclosing_names(domain: str) -> list[str]:
    """The domain, and every name above it with two labels or more, the longest first; absolute."""
    labels = absolute(domain).rstrip(".").split(".")
    return [".".join(labels[first:]) + "." for first in range(max(1, len(labels) - 1))]


def apex_of(zone: Zone, domain: str) -> str:
    """The name of the zone by its SOA; where the provider does not show that, by its NS; else the domain's own."""
    for rtype in ("SOA", "NS"):
        for name in enclosing_names(domain) if rtype == "SOA" else reversed(enclosing_names(domain)):
            if (name, rtype) in zone:
                return name
    return absolute(domain)


def refuse_delegated(who: str, zone: Zone, domain: str, apex: str) -> None:
    """Blocked: the larger zone has given the domain to other name servers, so that an edit here would change nothing;
    or it has nothing of that name.
    """
    if apex == absolute(domain):
        return
    inside = [name for name in enclosing_names(domain) if name.endswith(f".{apex}")]
    for name in inside:
        if servers := zone.get((name, "NS")):
            raise Blocked(
                who,
                wanted=f"zone {absolute(domain)}",
                seen=f"zone {apex}, in which {name} is delegated to {', '.join(servers.values)}",
                todo="Use the provider at which the delegated zone is edited.",
            )
    if not any(f".{name}".endswith(f".{absolute(domain)}") for name, _rtype in zone):
        raise Blocked(
            who,
            wanted=f"zone {absolute(domain)}",
            seen=f"zone {apex} only, and nothing of that name in it",
            todo="Check the domain's name, and at which provider it is.",
        )
