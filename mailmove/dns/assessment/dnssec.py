"""Is the zone signed, and does the chain from its parent hold? (RFC 4035)

A broken chain is SERVFAIL at every resolver that validates: mail to the domain queues there, then bounces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.DS
from pydantic import BaseModel, ConfigDict

from mailmove.dns.client.lookups import Lookup
from mailmove.dns.client.query import Server
from mailmove.dns.mail_auth.record_verdict import RecordVerdict

_TIMEOUT = 3.0  # seconds


class DnssecFacts(BaseModel):
    """signed: the parent has a DS set. keys: number of DNSKEY records in the zone."""

    model_config = ConfigDict(frozen=True)

    signed: bool = False
    keys: int = 0


class DnssecVerdict(RecordVerdict):
    """A zone's chain of trust from its parent, checked. `record` is the DS set."""

    facts: DnssecFacts = DnssecFacts()


async def read(domain: str, lookup: Lookup, resolvers: Sequence[Server]) -> DnssecVerdict:
    """Check the chain of trust. valid: the DS set at the parent matches a key, and validating resolvers can answer."""
    name = domain.rstrip(".") + "."
    ds, keys, soa = await asyncio.gather(lookup(name, "DS"), lookup(name, "DNSKEY"), lookup(name, "SOA"))
    unchecked = None
    if "SERVFAIL" in (soa.rcode, keys.rcode):
        unchecked = await _unchecked(name, resolvers)
    facts = DnssecFacts(signed=bool(ds.values), keys=len(keys.values))
    if unchecked:
        fault = (
            "resolvers that validate answer SERVFAIL; asked not to validate, they know the zone: the chain is broken"
        )
        return DnssecVerdict(record="; ".join(ds.values) or "DS", valid=False, faults=(fault,), facts=facts)
    if ds.error:
        return DnssecVerdict(unanswered=f"DS {name}: {ds.error}")
    if not ds.values:
        note = ("the zone has keys, and its parent has no DS: nobody validates it",) if keys.values else ()
        return DnssecVerdict(faults=note, facts=facts)
    if keys.error:
        return DnssecVerdict(record="; ".join(ds.values), unanswered=f"DNSKEY {name}: {keys.error}", facts=facts)
    if not matches(name, ds.values, keys.values):
        fault = "no DNSKEY of the zone fits the DS at its parent: resolvers that validate answer SERVFAIL"
        return DnssecVerdict(record="; ".join(ds.values), valid=False, faults=(fault,), facts=facts)
    return DnssecVerdict(record="; ".join(ds.values), valid=True, facts=facts)


def matches(name: str, ds_values: Sequence[str], key_values: Sequence[str]) -> bool:
    """Does one of the keys match one of the DS records at the parent?"""
    from dns.dnssec import make_ds  # brings cryptography with it, which few runs need

    for value in ds_values:
        ds = dns.rdata.from_text("IN", "DS", value)
        assert isinstance(ds, dns.rdtypes.ANY.DS.DS)
        for text in key_values:
            key = dns.rdata.from_text("IN", "DNSKEY", text)
            assert isinstance(key, dns.rdtypes.ANY.DNSKEY.DNSKEY)
            try:
                if make_ds(dns.name.from_text(name), key, ds.digest_type, validating=True) == ds:
                    return True
            except dns.exception.DNSException:  # a digest type that we do not know proves nothing
                continue
    return False


async def _unchecked(name: str, resolvers: Sequence[Server]) -> bool:
    """Does a resolver know the zone when it is asked not to validate (the CD bit)?"""
    from dns.asyncquery import udp_with_fallback  # brings an HTTP client with it

    query = dns.message.make_query(name, "SOA", use_edns=0, payload=1232)
    query.flags |= dns.flags.CD
    for address, port in resolvers[:2]:
        try:
            response, _ = await udp_with_fallback(query, address, _TIMEOUT / 2, port)
        except (dns.exception.DNSException, OSError, EOFError):
            continue
        if response.rcode() == dns.rcode.NOERROR and response.answer:
            return True
    return False
