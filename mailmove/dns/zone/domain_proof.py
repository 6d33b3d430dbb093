"""The TXT record that proves to Microsoft that a domain is the customer's."""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.records import RRset, Zone


def with_verification(zone: Zone, asked: Iterable[RRset]) -> list[RRset]:
    """The sets that hold what is asked for beside what stands there: SPF lives in the same TXT set."""
    wanted = []
    for rrset in asked:
        held = zone.get(rrset.key)
        values = {*(held.values if held else ()), *rrset.values}
        wanted.append(
            RRset(name=rrset.name, type=rrset.type, ttl=held.ttl if held else rrset.ttl, values=tuple(values))
        )
    return wanted
