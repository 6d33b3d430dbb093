"""Between our record sets and octoDNS's records."""

from __future__ import annotations

import re
from collections.abc import Sequence

import dns.exception
import dns.rdata
from dns.rdtypes.ANY.TXT import TXT
from octodns.record import Record
from octodns.record.rr import Rrset
from octodns.zone import Zone as OctoZone

from mailmove.dns.canonical import canonical, canonical_value
from mailmove.errors import Blocked
from mailmove.records import RRset, RRsetChange

_ESCAPED = re.compile(r'\\(?:"|\\|[0-9]{3})')
_AUTO_TTL = "auto-ttl"
"""Cloudflare's default: the TTL is Cloudflare's choice (300 s). It must go where a TTL of one's own is wanted."""

_RISKY = re.compile(r'[^ -~]|\\|(?<!^)"(?!$)')
"""In the text of one TXT value: what octoDNS providers spell each in their own way."""


def is_plain(record: Record) -> bool:
    """A set of values, and no pools, regions or types of the provider's own."""
    return "/" not in record._type and not getattr(record, "dynamic", None) and not getattr(record, "geo", None)


def rrset_of(record: Record) -> RRset:
    """The record as it is served."""
    return canonical(
        RRset(name=record.fqdn, type=record._type, ttl=record.ttl, values=tuple(text for text, _ in _values(record)))
    )


def made(wanted: RRset, standing: Record | None, zone: OctoZone) -> Record:
    """An octoDNS record that is served as `wanted`. Values that stay are kept as they are,
    with whatever the provider knows of the record besides (Cloudflare's proxy switch, comments)."""
    parsed = Record.from_rrset(zone, Rrset(wanted.name, wanted.type, wanted.ttl, list(wanted.values)), lenient=True)
    if standing is None:
        return parsed
    kept = {canonical_value(wanted.type, text): value for text, value in _values(standing)}
    new = {canonical_value(wanted.type, text): value for text, value in _values(parsed)}
    values = [kept.get(text, value) for text, value in new.items()]
    copy = standing.copy(zone=zone, values=values) if hasattr(standing, "values") else standing.copy(zone, values[0])
    if copy.ttl != wanted.ttl:
        for settings in copy.octodns.values():
            if isinstance(settings, dict):
                settings.pop(_AUTO_TTL, None)
    copy.ttl = wanted.ttl
    return copy


def refuse_unsafe(who: str, zone: OctoZone, changes: Sequence[RRsetChange]) -> None:
    """Blocked: a change that could not be put back exactly, or that is none of a mail move's business."""
    records = {(record.fqdn, record._type): record for record in zone.records}
    special = {record.fqdn: record for record in zone.records if not is_plain(record)}
    for change in changes:
        name, rtype = change.key
        standing = records.get(change.key)
        gone = set(change.before.values if change.before else ()) ^ set(change.after.values if change.after else ())
        if rtype in ("NS", "SOA"):
            reason = "it belongs to the delegation"
        elif name in special and special[name]._type.endswith(f"/{rtype}"):
            reason = f"a {special[name]._type} there, which is the provider's own"
        elif standing is not None and not is_plain(standing):
            reason = "a record with pools or regions"
        elif standing is not None and change.after is None and _settings(standing):
            reason = f"settings of the provider's own on it ({', '.join(_settings(standing))})"
        elif rtype == "TXT" and any(_RISKY.search(value.replace('" "', "")) for value in gone):
            reason = "quotes, backslashes or bytes beyond ASCII in a value, which octoDNS providers spell differently"
        else:
            continue
        raise Blocked(
            who,
            wanted=f"to change {rtype} {name} so that it can be put back exactly",
            seen=reason,
            todo="Nothing was changed. Make this one change by hand, then go on.",
        )


def _settings(record: Record) -> list[str]:
    """What the provider keeps with the record and a new record would not have."""
    names = [
        f"{provider}: {name}"
        for provider, settings in record.octodns.items()
        for name in (settings if isinstance(settings, dict) else [provider])
        if name != _AUTO_TTL
    ]
    return sorted(names)


def _values(record: Record) -> list[tuple[str, object]]:
    """(presentation format, octoDNS's own value) of each."""
    values = list(record.values) if hasattr(record, "values") else [record.value]
    if record._type == "TXT":
        return [(_txt(value), value) for value in values]
    return list(zip(record.to_rrset().rdatas, values, strict=True))


def _txt(value: str) -> str:
    """octoDNS's text has its escapes resolved, all but `;`. Some providers hand theirs through as they came: a
    backslash before a quote, a backslash or three digits is taken for an escape."""
    text = value.replace("\\;", ";")
    if _ESCAPED.search(text):
        try:
            parsed = dns.rdata.from_text("IN", "TXT", f'"{text}"')
        except (dns.exception.DNSException, ValueError):
            return _quoted(text.encode())
        assert isinstance(parsed, TXT)
        return _quoted(b"".join(parsed.strings))
    return _quoted(text.encode())


def _quoted(raw: bytes) -> str:
    chunks = [raw[first : first + 255] for first in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(_char(byte) for byte in chunk) + '"' for chunk in chunks)


def _char(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"
