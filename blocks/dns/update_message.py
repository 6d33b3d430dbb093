"""Dynamic updates as messages (RFC 2136): the changes themselves, and one that tries a right and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update

from blocks.dns.read_by_query import Standing
from mailmove.dns.canonical import canonical_value, from_dns, to_dns
from mailmove.dns.zone.absent_values import absent_value
from mailmove.records import Key, RRset, RRsetChange


def update_message(
    zone: str, changes: Sequence[RRsetChange], guard: dns.rrset.RRset | None, standing: Standing
) -> dns.update.UpdateMessage:
    """The UPDATE on condition that every set stands at its `before`. ValueError: a value that no message can hold."""
    message = dns.update.UpdateMessage(zone)
    if guard:
        message.present(guard.name, *guard)
    for change in changes:
        name, rtype = change.key
        owner = dns.name.from_text(name)
        if change.before is None:
            message.absent(owner, rtype)
        else:
            present = standing.get(change.key)
            same = present is not None and from_dns(present).values == change.before.values
            message.present(owner, *(present if present is not None and same else to_dns(change.before)))
            message.delete(owner, rtype)
    # All deletions come before all additions: a CNAME is silently ignored beside other records.
    for change in changes:
        if change.after is not None:
            message.add(dns.name.from_text(change.after.name), change.after.ttl, *_kept(change.after, standing))
    return message


def trial_message(zone: str, keys: Iterable[Key], standing: Standing) -> dns.update.UpdateMessage:
    """An UPDATE of these sets that changes nothing: from each it takes a value away that is not in it.

    RFC 2136 section 3.4.2.4 ignores that in silence, after the right to do it was checked (section 3.3). The
    conditions are those of the real thing: each set stands as it was read. Of a type that has no harmless value a
    record is added that stands there already, with its TTL.
    """
    message = dns.update.UpdateMessage(zone)
    for key in keys:
        name, rtype = key
        owner, present = dns.name.from_text(name), standing.get(key)
        if present is None:
            message.absent(owner, rtype)
        else:
            message.present(owner, *present)
        if (value := absent_value(rtype)) is not None:
            message.delete(owner, dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rtype), value))
        elif present is not None:
            message.add(owner, present.ttl, *present)
    return message


def _kept(wanted: RRset, standing: Standing) -> list[dns.rdata.Rdata]:
    """The records of a set; those that stand there already as they stand there."""
    present = standing.get(wanted.key, ())
    known = {canonical_value(wanted.type, rdata.to_text()): rdata for rdata in present}
    return [known.get(canonical_value(wanted.type, rdata.to_text())) or rdata for rdata in to_dns(wanted)]
