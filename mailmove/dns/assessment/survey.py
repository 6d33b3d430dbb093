"""Read what a domain publishes about its mail, by public DNS and without credentials. One coroutine for each part."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.assessment import dnssec
from mailmove.dns.assessment.dnssec import DnssecVerdict
from mailmove.dns.client.lookups import Lookup, Lookups
from mailmove.dns.client.query import Answer, ask_all
from mailmove.dns.mail_auth import dmarc, mta_sts, spf, tls_rpt
from mailmove.dns.mail_auth.dmarc import DmarcVerdict
from mailmove.dns.mail_auth.mta_sts import MtaStsVerdict
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch
from mailmove.dns.mail_auth.spf_cost import SpfFacts, SpfVerdict, measure
from mailmove.dns.mail_auth.tls_rpt import TlsRptVerdict

SELECTORS = (
    "selector1", "selector2", "default", "google", "k1", "k2", "k3", "s1", "s2", "dkim", "mail", "smtp", "email",
    "key1", "mta", "mxvault", "sig1", "protonmail", "zoho", "mandrill", "everlytickey1", "fm1", "scph0", "pm", "x",
)  # fmt: skip
"""DKIM selectors of common services. DNS has no way to list the selectors of a domain."""


class NameServer(BaseModel):
    """One authoritative server, and its answers."""

    model_config = ConfigDict(frozen=True)

    name: str
    address: str
    mx: tuple[str, ...] = ()
    ttl: int | None = Field(default=None, description="Of the MX set, seconds")
    serial: int | None = None
    error: str | None = None


async def zone_and_servers(domain: str, lookup: Lookup) -> tuple[str, list[tuple[str, str]], str | None]:
    """(zone, (name, address) of its servers, error). The zone is the closest name with an NS set."""
    labels = domain.rstrip(".").split(".")
    error = None
    for first in range(max(1, len(labels) - 1)):
        zone = ".".join(labels[first:]) + "."
        answer = await lookup(zone, "NS")
        error = error or answer.error
        if answer.values:
            pairs = await asyncio.gather(*(_addresses(name, lookup) for name in answer.values))
            return zone, [pair for addresses in pairs for pair in addresses], None
    return domain.rstrip(".") + ".", [], error or "no NS records at the domain or above it"


async def _addresses(name: str, lookup: Lookup) -> list[tuple[str, str]]:
    """(name, address) of a name server; one whose name leads nowhere has an empty address."""
    ipv4 = await lookup(name, "A")
    values = ipv4.values or (await lookup(name, "AAAA")).values
    return [(name, value) for value in values or ("",)]


async def name_servers(
    domain: str, zone: str, servers: Sequence[tuple[str, str]], dns_port: int, timeout: float
) -> list[NameServer]:
    """Ask each authoritative server for the MX set and the SOA record; those without an address come last."""
    reachable = [pair for pair in servers if pair[1]]
    asked = [(address, dns_port) for _, address in reachable]
    mx, soa = await asyncio.gather(
        ask_all(asked, f"{domain.rstrip('.')}.", "MX", recursive=False, timeout=timeout),
        ask_all(asked, zone, "SOA", recursive=False, timeout=timeout),
    )
    return [
        *(
            _server(name, address, mx_answer, soa_answer)
            for (name, address), mx_answer, soa_answer in zip(reachable, mx, soa, strict=True)
        ),
        *(
            NameServer(name=name, address="", error="its name has no address")
            for name, address in servers
            if not address
        ),
    ]


def _server(name: str, address: str, mx: Answer, soa: Answer) -> NameServer:
    error = mx.error or (None if mx.authoritative else "not authoritative for the zone")
    serial = int(soa.values[0].split()[2]) if soa.values else None
    ttl = mx.ttl if mx.values and not error else None
    return NameServer(name=name, address=address, mx=mx.values, ttl=ttl, serial=serial, error=error)


async def read_spf(domain: str, lookup: Lookup) -> SpfVerdict:
    """Read the SPF record, and count its look-ups with all that it includes."""
    answer = await lookup(domain, "TXT")
    if answer.error:
        return SpfVerdict(unanswered=answer.error)
    records = [value for value in answer.values if spf.is_spf(value)]
    if not records:
        return SpfVerdict()
    text = spf.text_of(records[0])
    if len(records) > 1:
        return SpfVerdict(
            record=text, valid=False, faults=(f"{len(records)} SPF records; receivers take this as an error",)
        )
    cost = await measure(domain, text, lookup)
    terms = spf.in_force(text)
    facts = SpfFacts(
        lookups=cost.lookups,
        voids=cost.voids,
        all=next((term.qualifier for term in terms if term.name == "all"), None),
        redirect=next((term.value for term in terms if term.name == "redirect"), None),
        ptr=any(term.name == "ptr" for term in terms),
    )
    faults = tuple(cost.permanent)
    if cost.unanswered and not faults:
        return SpfVerdict(record=text, unanswered="; ".join(cost.unanswered), facts=facts)
    return SpfVerdict(record=text, valid=not faults, faults=faults, facts=facts)


async def read_dmarc(domain: str, lookup: Lookup) -> DmarcVerdict:
    """Read the record that applies: the domain's own, or that of the nearest domain above (RFC 9989 section 4.10).

    Receivers choose the organisational domain among several above; here the nearest counts, and `location` names it.
    """
    labels = domain.rstrip(".").split(".")
    for first in range(max(1, len(labels) - 1)):
        place = ".".join(labels[first:])
        answer = await lookup(f"_dmarc.{place}", "TXT")
        if answer.error:
            return DmarcVerdict(unanswered=answer.error)
        verdict = dmarc.read(answer.values, place)
        if verdict.record is not None:
            return verdict
    return DmarcVerdict()


async def read_mta_sts(domain: str, lookup: Lookup, fetch: Fetch) -> MtaStsVerdict:
    """Read the TXT record and the policy file; valid only if both are."""
    answer = await lookup(f"_mta-sts.{domain}", "TXT")
    if answer.error:
        return MtaStsVerdict(unanswered=answer.error)
    verdict = mta_sts.read_record(answer.values)
    if not verdict.valid:
        return verdict
    fetched = await fetch(domain.rstrip("."))
    if fetched.error:
        return _unusable(verdict, f"the policy file cannot be read: {fetched.error}")
    try:
        policy = mta_sts.read_policy(fetched.body)
    except ValueError as error:
        return _unusable(verdict, f"the policy file: {error}")
    return verdict.model_copy(update={"facts": verdict.facts.model_copy(update={"policy": policy})})


def _unusable(verdict: MtaStsVerdict, fault: str) -> MtaStsVerdict:
    return verdict.model_copy(update={"valid": False, "faults": (fault,)})


async def read_tls_rpt(domain: str, lookup: Lookup) -> TlsRptVerdict:
    """Read the TLS-RPT record."""
    answer = await lookup(f"_smtp._tls.{domain}", "TXT")
    return TlsRptVerdict(unanswered=answer.error) if answer.error else tls_rpt.read(answer.values)


async def read_dkim(
    domain: str, lookup: Lookup, selectors: Sequence[str] = SELECTORS
) -> tuple[dict[str, str], str | None]:
    """(selector -> key record, error) of the selectors. A wildcard that answers for every name is no key."""
    random_name = secrets.token_hex(6)
    names = [random_name, *selectors]
    answers = await asyncio.gather(*(lookup(f"{name}._domainkey.{domain}", "TXT") for name in names))
    by_name = dict(zip(names, answers, strict=True))
    failed = [answer.error for answer in answers if answer.error]
    keys = {
        name: spf.text_of(answer.values[0])
        for name, answer in by_name.items()
        if name != random_name
        and answer.values
        and answer.values != by_name[random_name].values
        and "p=" in answer.values[0]
    }
    return keys, f"{len(failed)} of {len(names)} selectors: {failed[0]}" if failed else None


async def read_tlsa(hosts: Sequence[str], lookup: Lookup) -> dict[str, tuple[str, ...]]:
    """MX host -> its TLSA records at port 25 (DANE, RFC 7672); only hosts that have some."""
    answers = await asyncio.gather(*(lookup(f"_25._tcp.{host}", "TLSA") for host in hosts))
    return {host: answer.values for host, answer in zip(hosts, answers, strict=True) if answer.values}


async def read_caa(domain: str, lookup: Lookup) -> tuple[str, ...]:
    """The CAA set that applies: the domain's, or that of the nearest name above that has one (RFC 8659)."""
    labels = domain.rstrip(".").split(".")
    for first in range(max(1, len(labels) - 1)):
        answer = await lookup(".".join(labels[first:]), "CAA")
        if answer.values:
            return answer.values
    return ()


async def read_dnssec(zone: str, lookups: Lookups) -> DnssecVerdict:
    """Check the chain of trust from the parent zone to the zone."""
    return await dnssec.read(zone, lookups.get, lookups.best)
