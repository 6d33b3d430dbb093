"""TLS-RPT records (RFC 8460): where senders report that they could not deliver for want of good TLS."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from mailmove.dns.canonical import absolute
from mailmove.dns.mail_auth.near_misses import near_tls_rpt
from mailmove.dns.mail_auth.record_verdict import RecordVerdict
from mailmove.dns.mail_auth.spf import value_of
from mailmove.dns.mail_auth.tag_lists import fields_of, texts
from mailmove.records import RRset

_VERSION = re.compile(r"^v=TLSRPTv1[ \t]*;")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")
_URI = re.compile(r"^(mailto:[^@\s,!;]+@[^@\s,!;]+|https://[^\s,!;/]+(/[^\s,!;]*)?)$")


class TlsRptFacts(BaseModel):
    """rua: URIs to which senders report."""

    model_config = ConfigDict(frozen=True)

    rua: tuple[str, ...] = ()


class TlsRptVerdict(RecordVerdict):
    """A domain's TLS-RPT record, read."""

    facts: TlsRptFacts = TlsRptFacts()


def read(values: Iterable[str]) -> TlsRptVerdict:
    """Judge the TXT values at `_smtp._tls.<domain>`."""
    everything = list(values)
    records = [text for text in texts(everything) if _VERSION.match(text)]
    if not records:
        return TlsRptVerdict(state="answered", near=near_tls_rpt(everything, _VERSION.match))
    if len(records) > 1:
        return TlsRptVerdict(
            record=records[0], valid=False, faults=(f"{len(records)} TLS-RPT records; none of them counts",)
        )
    try:
        pairs = fields_of(records[0])
    except ValueError as error:
        return TlsRptVerdict(record=records[0], valid=False, faults=(str(error),))
    uris = [uri.strip() for name, value in pairs if name == "rua" for uri in value.split(",")]
    faults = [f"{uri!r} is neither mailto: nor https:" for uri in uris if not _URI.match(uri)]
    faults += [f"{name!r} is not a tag's name" for name, _ in pairs if not _NAME.match(name)]
    faults += [
        f"{name} has a value with a space or an equals sign in it"
        for name, value in pairs
        if name != "rua" and re.search(r"[\s=]", value)
    ]
    if not uris:
        faults.append("no rua")
    return TlsRptVerdict(record=records[0], valid=not faults, faults=tuple(faults), facts=TlsRptFacts(rua=tuple(uris)))


def proposal(domain: str, mailbox: str, ttl: int = 3600) -> RRset:
    """The record that has reports sent to `mailbox`; the only word from senders who could not deliver."""
    text = f"v=TLSRPTv1; rua=mailto:{mailbox}"
    return RRset(name=f"_smtp._tls.{absolute(domain)}", type="TXT", ttl=ttl, values=(value_of(text),))
