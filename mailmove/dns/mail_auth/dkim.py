"""The CNAMEs by which a domain lends its name to Microsoft's DKIM keys (RFC 6376), two so that keys can be rotated.

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
        current, selector = zone.get(rrset.key), rrset.name.partition(".")[0]
        # `selector1-...` is Microsoft's own pattern: the keys of an earlier tenant, which nobody signs with any more.
        if current and not same_values(current, rrset) and not current.values[0].lower().startswith(f"{selector}-"):
            raise _in_use(current)
    for current in displaced_by(zone, wanted):
        raise _in_use(current)
    return difference(zone, wanted)


def _kept_or_new(zone: Zone, wanted: RRset) -> RRset:
    """The wanted set with the TTL of the current one; the current one itself if the values are the same."""
    current = zone.get(wanted.key)
    if current is None:
        return wanted
    return current if same_values(current, wanted) else wanted.model_copy(update={"ttl": current.ttl})


def _in_use(current: RRset) -> Blocked:
    return Blocked(
        f"zone of {current.name}",
        wanted=f"a CNAME to Microsoft's DKIM key at {current.name}",
        seen=f"{current.type} {', '.join(current.values)[:80]}",
        todo="Another service signs mail under this selector. Give that service another selector, then try again.",
    )
