"""The difference of a zone before and after, as lines that start with - or +."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mailmove.evidence import Change
from mailmove.records import RRset


def zone_diff(changes: Iterable[Change]) -> list[str]:
    """Lines that start with "-" (was there) or "+" (is there), the sets in the order of their first change.

    Several changes of one set become one; a set that ends as it began is left out. Changes outside DNS are skipped.
    """
    first: dict[str, RRset | None] = {}
    last: dict[str, RRset | None] = {}
    for change in changes:
        before, after = rrset_of(change.before), rrset_of(change.after)
        if before or after:
            first.setdefault(change.what, before)
            last[change.what] = after
    lines = []
    for what, before in first.items():
        if before != last[what]:
            lines += [f"- {line}" for line in _lines(before)] + [f"+ {line}" for line in _lines(last[what])]
    return lines


def rrset_of(value: Any) -> RRset | None:
    """The record set that a change's before or after value holds; None: it holds none."""
    is_set = isinstance(value, dict) and {"name", "type", "ttl", "values"} <= value.keys()
    return RRset.model_validate(value) if is_set else None


def _lines(rrset: RRset | None) -> list[str]:
    return [f"{rrset.name} {rrset.ttl} {rrset.type} {value}" for value in rrset.values] if rrset else []
