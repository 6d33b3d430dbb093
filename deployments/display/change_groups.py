"""What a cutover changed, a line a stage: `licences: 14 people`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mailmove.changes import Change, ChangeKind
from mailmove.report.words import value_words

_PEOPLE = ("person", "people")
_MAILBOXES = ("mailbox", "mailboxes")

_GROUPS: dict[ChangeKind, tuple[str, tuple[str, str]]] = {
    ChangeKind.RECORD_SET: ("DNS", ("record set", "record sets")),
    ChangeKind.CERTIFICATE: ("certificate", ("server", "servers")),
    ChangeKind.RPC_PROXY_FEATURE: ("Windows feature RPC over HTTP Proxy", ("server", "servers")),
    ChangeKind.OUTLOOK_ANYWHERE: ("Outlook Anywhere", ("server", "servers")),
    ChangeKind.CUSTOMER_TENANT: ("tenants made", ("tenant", "tenants")),
    ChangeKind.RELATIONSHIP: ("partner relationship", ("relationship", "relationships")),
    ChangeKind.PARTNER_ACCESS: ("partner's access", ("right", "rights")),
    ChangeKind.ORDER: ("orders", ("product", "products")),
    ChangeKind.DOMAIN: ("domains at Microsoft 365", ("domain", "domains")),
    ChangeKind.DKIM_KEYS: ("DKIM keys", ("domain", "domains")),
    ChangeKind.DKIM_SIGNING: ("DKIM signing", ("domain", "domains")),
    ChangeKind.MIGRATION_ENDPOINT: ("migration endpoint", ("endpoint", "endpoints")),
    ChangeKind.MIGRATION_BATCH: ("migration batch", ("batch", "batches")),
    ChangeKind.RECIPIENT: ("made in the tenant", ("recipient", "recipients")),
    ChangeKind.RECIPIENT_ADDRESS: ("further addresses", ("address", "addresses")),
    ChangeKind.GROUP_MEMBER: ("members of groups", ("member", "members")),
    ChangeKind.GROUP_OWNER: ("owners of groups", ("owner", "owners")),
    ChangeKind.MAILBOX_TYPE: ("made shared", _MAILBOXES),
    ChangeKind.LICENCE: ("licences", _PEOPLE),
    ChangeKind.X500_ADDRESSES: ("X500 addresses", _MAILBOXES),
    ChangeKind.PERMISSION: ("permissions", ("right", "rights")),
    ChangeKind.FIRST_PASSWORD: ("first passwords", _PEOPLE),
    ChangeKind.ACCESS_PASS: ("access passes", _PEOPLE),
    ChangeKind.PORT: ("firewall", ("port", "ports")),
    ChangeKind.DELIVERY: ("delivered by Mailmove", ("message", "messages")),
    ChangeKind.RETURN: ("returned to the old server", ("message", "messages")),
    ChangeKind.PROBE: ("probes", ("message", "messages")),
}
"""Kind -> what it is called, and what it is counted in."""

_FEW = 3
"""Changes of one kind whose words still fit on the stage's line."""


def group_lines(changes: Iterable[Change]) -> Iterator[str]:
    """One line for each kind of change: in words where there are few, else counted."""
    by_kind: dict[ChangeKind, list[Change]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    for kind, of_kind in by_kind.items():
        yield _few(kind, of_kind) if kind in _IN_WORDS else _counted(kind, of_kind)


def _counted(kind: ChangeKind, changes: Sequence[Change]) -> str:
    name, (single, several) = _GROUPS[kind]
    return f"{name}: {len(changes)} {single if len(changes) == 1 else several}"


def _record_sets(changes: Sequence[Change]) -> str:
    names = [change.words for change in changes]
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    ttls = {(_ttl(change.before), _ttl(change.after)) for change in changes}
    before, after = next(iter(ttls)) if len(ttls) == 1 else (None, None)
    only_ttl = all(_values(change.before) == _values(change.after) for change in changes)
    if only_ttl and before and after:
        return f"DNS: TTL of {', '.join(names[:_FEW])}{more}: {before} s, now {after} s"
    return f"DNS: {', '.join(names[:_FEW])}{more}"


def _port(changes: Sequence[Change]) -> str:
    return f"firewall: {', '.join(change.words for change in changes[:_FEW])}"


def _named(changes: Sequence[Change]) -> str:
    if len(changes) > 1:
        return _counted(changes[0].kind, changes)
    after = value_words(changes[0].after)
    return f"{changes[0].words}: {after}" if len(after) < 24 else changes[0].words


_IN_WORDS = {
    ChangeKind.RECORD_SET: _record_sets,
    ChangeKind.PORT: _port,
    ChangeKind.OUTLOOK_ANYWHERE: _named,
    ChangeKind.RELATIONSHIP: _named,
    ChangeKind.DOMAIN: _named,
    ChangeKind.DKIM_SIGNING: _named,
    ChangeKind.MIGRATION_ENDPOINT: _named,
    ChangeKind.MIGRATION_BATCH: _named,
}


def _few(kind: ChangeKind, changes: Sequence[Change]) -> str:
    return _IN_WORDS[kind](changes)


def _ttl(value: Any) -> int | None:
    return value.get("ttl") if isinstance(value, dict) else None


def _values(value: Any) -> Any:
    return value.get("values") if isinstance(value, dict) else None
