"""Record changes in words that can be typed into any registrar's form."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.records import RRset, RRsetChange

Row = dict[str, str]


def typing_rows(changes: Sequence[RRsetChange]) -> list[Row]:
    """One row for each change: what to do, name, type, what stands there, what shall. Deletions come first."""
    ordered = sorted(changes, key=lambda one: (one.after is not None, one.key))
    return [
        {
            "do": "delete" if one.after is None else "replace" if one.before else "add",
            "name": one.key[0],
            "type": one.key[1],
            "now": _values(one.before),
            "type this": _values(one.after),
            "TTL": f"{one.before.ttl if one.before else '-'} -> {one.after.ttl if one.after else '-'}",
        }
        for one in ordered
    ]


def typing_lines(changes: Sequence[RRsetChange]) -> list[str]:
    """The same, one line each: `replace MX contoso.com.: 10 mail.contoso.com. -> 0 x.mx.microsoft. (TTL 60 -> 60)`."""
    return [
        f"{row['do']} {row['type']} {row['name']}: {row['now']} -> {row['type this']} (TTL {row['TTL']})"
        for row in typing_rows(changes)
    ]


def _values(rrset: RRset | None) -> str:
    return " and ".join(rrset.values) if rrset else "no record"
