"""The CNAMEs by which a domain lends its name to Microsoft's DKIM keys (RFC 6376), two so that keys can turn.

Pure: a zone in, record sets out.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.dns.canonical import canonical, displaced_by, same_values
from mailmove.errors import Blocked
from mailmove.records import RRset, RRsetChange, Zone, difference


def dkim_changes(zone: Zone, records: Iterable[RRset]) -> list[RRsetChange]:
    """The changes that publish `records`, which are as the tenant gives them.

    Blocked: another service signs under the same selector; its key must not be taken away.
    """
    wanted = [_kept_or_new(zone, canonical(rrset)) for rrset in records]
    for rrset in wanted:
        held, selector = zone.get(rrset.key), rrset.name.partition(".")[0]
        # `selector1-...` is Microsoft's own pattern: the keys of an earlier tenant, which nobody signs with any more.
        if held and not same_values(held, rrset) and not held.values[0].lower().startswith(f"{selector}-"):
            raise _in_use(held)
    for held in displaced_by(zone, wanted):
        raise _in_use(held)
    return difference(zone, wanted)


def _kept_or_new(zone: Zone, wanted: RRset) -> RRset:
    """What stands there already keeps its TTL and its spelling."""
    held = zone.get(wanted.key)
    if held is None:
        return wanted
    return held if same_values(held, wanted) else wanted.model_copy(update={"ttl": held.ttl})


def _in_use(held: RRset) -> Blocked:
    return Blocked(
        f"zone of {held.name}",
        wanted=f"a CNAME to Microsoft's DKIM key at {held.name}",
        seen=f"{held.type} {', '.join(held.values)[:80]}",
        todo="Another service signs mail under this selector. Give that service another selector, then try again.",
    )
