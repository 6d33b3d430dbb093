"""The difference of a zone before and after, as lines that start with - or +."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mailmove.changes import Change, RecordSetSubject
from mailmove.records import RRset


def zone_diff(changes: Iterable[Change]) -> list[str]:
    """Lines that start with "-" (was there) or "+" (is there), the sets in the order of their first change.

    Several changes of one set become one; a set that ends as it began is left out. Changes outside DNS are skipped.
    """
    first: dict[RecordSetSubject, RRset | None] = {}
    last: dict[RecordSetSubject, RRset | None] = {}
    for change in changes:
        if isinstance(change.subject, RecordSetSubject):
            first.setdefault(change.subject, _rrset(change.before))
            last[change.subject] = _rrset(change.after)
    lines = []
    for subject, before in first.items():
        if before != last[subject]:
            lines += [f"- {line}" for line in _lines(before)] + [f"+ {line}" for line in _lines(last[subject])]
    return lines


def _rrset(value: Any) -> RRset | None:
    return RRset.model_validate(value) if value else None


def _lines(rrset: RRset | None) -> list[str]:
    return [f"{rrset.name} {rrset.ttl} {rrset.type} {value}" for value in rrset.values] if rrset else []
