"""The TXT record that proves to Microsoft that a domain is the customer's."""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.records import RRset, Zone


def with_verification(zone: Zone, asked: Iterable[RRset]) -> list[RRset]:
    """The sets with the asked values added to the current ones: SPF is in the same TXT set."""
    wanted = []
    for rrset in asked:
        current = zone.get(rrset.key)
        values = {*(current.values if current else ()), *rrset.values}
        wanted.append(
            RRset(name=rrset.name, type=rrset.type, ttl=current.ttl if current else rrset.ttl, values=tuple(values))
        )
    return wanted
