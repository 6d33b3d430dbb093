"""Is the zone signed, and does the chain from its parent hold? (RFC 4035)

A broken chain is SERVFAIL at every resolver that validates: mail to the domain queues there, then bounces. Resolvers
that do not validate answer as if nothing were wrong, so those are asked that do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.exception
import dns.name
import dns.rdata
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.DS
from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.assessment.validation import Validation, ask_validators
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.mail_auth.record_verdict import RecordVerdict

_ALGORITHMS, _DIGESTS = frozenset({5, 7, 8, 10, 13, 14, 15, 16}), frozenset({1, 2, 4})
"""Numbers of the signature algorithms and digests that validators know (RFC 8624). A zone whose DS set has no others is
insecure to them, not bogus (RFC 4035 section 5.2, RFC 6840 section 5.2)."""
_REVOKED, _OF_A_ZONE = 0x0080, 0x0100
"""Flags of a DNSKEY (RFC 5011 section 7, RFC 4034 section 2.1.1)."""


class DnssecFacts(BaseModel):
    """signed: the parent has a DS set. keys: number of DNSKEY records in the zone."""

    model_config = ConfigDict(frozen=True)

    signed: bool = False
    keys: int = 0
    validated: bool = Field(default=False, description="Did a resolver that validates vouch for the zone?")


class DnssecVerdict(RecordVerdict):
    """A zone's chain of trust from its parent, checked. `record` is the DS set."""

    facts: DnssecFacts = DnssecFacts()


async def read(zone: str, lookups: Lookups) -> DnssecVerdict:
    """Check the chain of trust. valid: the DS set at the parent matches a key, and no validating resolver objects."""
    name = zone.rstrip(".") + "."
    ds, keys, soa = await asyncio.gather(*(lookups.get(name, rtype) for rtype in ("DS", "DNSKEY", "SOA")))
    failing = any(answer.error and answer.rcode for answer in (ds, keys, soa))
    seen_by = await ask_validators(lookups, name) if ds.values or failing else Validation()
    facts = DnssecFacts(signed=bool(ds.values), keys=len(keys.values), validated=bool(seen_by.vouching))
    record = "; ".join(ds.values) or None
    if seen_by.refusing:
        return DnssecVerdict(record=record or "DS", valid=False, faults=(_broken(seen_by),), facts=facts)
    if ds.error:
        return DnssecVerdict(unanswered=f"DS {name}: {ds.error}")
    if not ds.values:
        note = ("the zone has keys, and its parent has no DS: nobody validates it",) if keys.values else ()
        return DnssecVerdict(state="answered", remarks=note, facts=facts)
    known = [value for value in ds.values if _is_known(value)]
    if not known:
        note = (f"signed in a way that validators do not know ({record}): to them it is not signed at all",)
        return DnssecVerdict(state="answered", remarks=note, facts=facts)
    if keys.error:
        return DnssecVerdict(record=record, unanswered=f"DNSKEY {name}: {keys.error}", facts=facts)
    if not matches(name, known, keys.values):
        fault = "no DNSKEY of the zone fits the DS at its parent: resolvers that validate answer SERVFAIL"
        return DnssecVerdict(record=record, valid=False, faults=(fault,), facts=facts)
    note = () if facts.validated else (f"no resolver that validates was met ({seen_by.asked} asked): only that the DS "
        "fits a key was seen, not that the signatures hold",)  # fmt: skip
    return DnssecVerdict(record=record, valid=True, remarks=note, facts=facts)


def _broken(seen_by: Validation) -> str:
    who = f"{', '.join(seen_by.refusing)}"
    others = f"; {', '.join(seen_by.vouching)} still take it for good" if seen_by.vouching else ""
    reasons = f" ({', '.join(seen_by.reasons)})" if seen_by.reasons else ""
    return (
        f"resolvers that validate answer SERVFAIL{reasons}; asked not to validate, they know the zone: the chain is "
        f"broken, says {who}{others}"
    )


def _is_known(ds_value: str) -> bool:
    ds = dns.rdata.from_text("IN", "DS", ds_value)
    assert isinstance(ds, dns.rdtypes.ANY.DS.DS)
    return int(ds.algorithm) in _ALGORITHMS and int(ds.digest_type) in _DIGESTS


def matches(name: str, ds_values: Sequence[str], key_values: Sequence[str]) -> bool:
    """Does one of the keys match one of the DS records at the parent? A key that is revoked matches none (RFC 5011)."""
    from dns.dnssec import make_ds  # brings cryptography with it, which few runs need

    for value in ds_values:
        ds = dns.rdata.from_text("IN", "DS", value)
        assert isinstance(ds, dns.rdtypes.ANY.DS.DS)
        for text in key_values:
            key = dns.rdata.from_text("IN", "DNSKEY", text)
            assert isinstance(key, dns.rdtypes.ANY.DNSKEY.DNSKEY)
            if key.flags & _REVOKED or not key.flags & _OF_A_ZONE:
                continue
            try:
                if make_ds(dns.name.from_text(name), key, ds.digest_type, validating=True) == ds:
                    return True
            except dns.exception.DNSException:  # a digest type that we do not know proves nothing
                continue
    return False
