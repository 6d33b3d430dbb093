"""Write record changes in words that can be typed into any registrar's form."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.records import RRset, RRsetChange


def typing_rows(changes: Sequence[RRsetChange]) -> list[dict[str, str]]:
    """One row for each change: what to do, name, type, old and new values, TTL. Deletions come first."""
    ordered = sorted(changes, key=lambda change: (change.after is not None, change.key))
    return [
        {
            "do": "delete" if change.after is None else "replace" if change.before else "add",
            "name": change.key[0],
            "type": change.key[1],
            "now": _values(change.before),
            "type this": _values(change.after),
            "TTL": f"{change.before.ttl if change.before else '-'} -> {change.after.ttl if change.after else '-'}",
        }
        for change in ordered
    ]


def typing_lines(changes: Sequence[RRsetChange]) -> list[str]:
    """The same, one line each: `replace MX contoso.com.: 10 mail.contoso.com. -> 0 x.mx.microsoft. (TTL 60 -> 60)`."""
    return [
        f"{row['do']} {row['type']} {row['name']}: {row['now']} -> {row['type this']} (TTL {row['TTL']})"
        for row in typing_rows(changes)
    ]


def _values(rrset: RRset | None) -> str:
    return " and ".join(rrset.values) if rrset else "no record"
