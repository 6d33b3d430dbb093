"""Read what a domain publishes about its mail, from outside, without credentials. One coroutine for each part."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.assessment import dnssec
from mailmove.dns.client.lookups import Look, Lookups
from mailmove.dns.client.query import Answer, ask_all
from mailmove.dns.mail_auth import dmarc, mta_sts, spf, tls_rpt
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch
from mailmove.dns.mail_auth.spf_cost import measure
from mailmove.dns.mail_auth.tag_lists import Verdict

SELECTORS = (
    "selector1", "selector2", "default", "google", "k1", "k2", "k3", "s1", "s2", "dkim", "mail", "smtp", "email",
    "key1", "mta", "mxvault", "sig1", "protonmail", "zoho", "mandrill", "everlytickey1", "fm1", "scph0", "pm", "x",
)  # fmt: skip
"""DKIM selectors of common services. DNS has no way to list the selectors of a domain."""


class NameServer(BaseModel):
    """One authoritative server, and what it says."""

    model_config = ConfigDict(frozen=True)

    name: str
    address: str
    mx: tuple[str, ...] = ()
    ttl: int | None = Field(default=None, description="Of the MX set, seconds")
    serial: int | None = None
    error: str | None = None


async def zone_and_servers(domain: str, look: Look) -> tuple[str, list[tuple[str, str]], str | None]:
    """(zone, (name, address) of its servers, trouble). The closest name with an NS set is the zone."""
    labels = domain.rstrip(".").split(".")
    trouble = None
    for first in range(max(1, len(labels) - 1)):
        zone = ".".join(labels[first:]) + "."
        answer = await look(zone, "NS")
        trouble = trouble or answer.error
        if answer.values:
            pairs = await asyncio.gather(*(_addresses(name, look) for name in answer.values))
            return zone, [pair for some in pairs for pair in some], None
    return domain.rstrip(".") + ".", [], trouble or "no NS records at the domain or above it"


async def _addresses(name: str, look: Look) -> list[tuple[str, str]]:
    four = await look(name, "A")
    values = four.values or (await look(name, "AAAA")).values
    return [(name, value) for value in values]


async def name_servers(
    domain: str, zone: str, servers: Sequence[tuple[str, str]], dns_port: int, timeout: float
) -> list[NameServer]:
    """What each authoritative server says of MX and SOA."""
    asked = [(address, dns_port) for _, address in servers]
    mx, soa = await asyncio.gather(
        ask_all(asked, f"{domain.rstrip('.')}.", "MX", recursive=False, timeout=timeout),
        ask_all(asked, zone, "SOA", recursive=False, timeout=timeout),
    )
    return [_server(name, address, one, other) for (name, address), one, other in zip(servers, mx, soa, strict=True)]


def _server(name: str, address: str, mx: Answer, soa: Answer) -> NameServer:
    error = mx.error or (None if mx.authoritative else "not authoritative for the zone")
    serial = int(soa.values[0].split()[2]) if soa.values else None
    ttl = mx.ttl if mx.values and not error else None
    return NameServer(name=name, address=address, mx=mx.values, ttl=ttl, serial=serial, error=error)


async def read_spf(domain: str, look: Look) -> Verdict:
    """The SPF record with its whole cost."""
    answer = await look(domain, "TXT")
    if answer.error:
        return Verdict(unanswered=answer.error)
    records = [value for value in answer.values if spf.is_spf(value)]
    if not records:
        return Verdict()
    text = spf.text_of(records[0])
    if len(records) > 1:
        return Verdict(
            record=text, valid=False, faults=(f"{len(records)} SPF records; receivers take this as an error",)
        )
    cost = await measure(domain, text, look)
    read = spf.in_force(text)
    facts = {
        "lookups": cost.lookups,
        "voids": cost.voids,
        "all": next((term.qualifier for term in read if term.name == "all"), None),
        "redirect": next((term.value for term in read if term.name == "redirect"), None),
        "ptr": any(term.name == "ptr" for term in read),
    }
    faults = tuple(cost.permanent)
    if cost.unanswered and not faults:
        return Verdict(record=text, unanswered="; ".join(cost.unanswered), facts=facts)
    return Verdict(record=text, valid=not faults, faults=faults, facts=facts)


async def read_dmarc(domain: str, look: Look) -> Verdict:
    """The record that applies: the domain's own, or that of the nearest domain above (RFC 9989 section 4.10).

    Receivers choose the organisational domain among several above; the nearest is said here with its place.
    """
    labels = domain.rstrip(".").split(".")
    for first in range(max(1, len(labels) - 1)):
        place = ".".join(labels[first:])
        answer = await look(f"_dmarc.{place}", "TXT")
        if answer.error:
            return Verdict(unanswered=answer.error)
        found = dmarc.read(answer.values, place)
        if found.record is not None:
            return found
    return Verdict()


async def read_mta_sts(domain: str, look: Look, fetch: Fetch) -> Verdict:
    """Record and policy file together: valid only if both are."""
    answer = await look(f"_mta-sts.{domain}", "TXT")
    if answer.error:
        return Verdict(unanswered=answer.error)
    found = mta_sts.read_record(answer.values)
    if not found.valid:
        return found
    fetched = await fetch(domain.rstrip("."))
    if fetched.error:
        return found.model_copy(
            update={"valid": False, "faults": (f"the policy file cannot be read: {fetched.error}",)}
        )
    try:
        policy = mta_sts.read_policy(fetched.body)
    except ValueError as error:
        return found.model_copy(update={"valid": False, "faults": (f"the policy file: {error}",)})
    return found.model_copy(update={"facts": {**found.facts, "policy": policy.model_dump(mode="json")}})


async def read_tls_rpt(domain: str, look: Look) -> Verdict:
    answer = await look(f"_smtp._tls.{domain}", "TXT")
    return Verdict(unanswered=answer.error) if answer.error else tls_rpt.read(answer.values)


async def read_dkim(domain: str, look: Look) -> tuple[dict[str, str], str | None]:
    """(selector -> key record, trouble) of the common selectors. A wildcard that answers for every name is none."""
    dice = secrets.token_hex(6)
    names = [dice, *SELECTORS]
    answers = await asyncio.gather(*(look(f"{name}._domainkey.{domain}", "TXT") for name in names))
    said = dict(zip(names, answers, strict=True))
    failed = [answer.error for answer in answers if answer.error]
    found = {
        name: spf.text_of(answer.values[0])
        for name, answer in said.items()
        if name != dice and answer.values and answer.values != said[dice].values and "p=" in answer.values[0]
    }
    return found, f"{len(failed)} of {len(names)} selectors: {failed[0]}" if failed else None


async def read_tlsa(hosts: Sequence[str], look: Look) -> dict[str, tuple[str, ...]]:
    """MX host -> its TLSA records at port 25 (DANE, RFC 7672); only hosts that have some."""
    answers = await asyncio.gather(*(look(f"_25._tcp.{host}", "TLSA") for host in hosts))
    return {host: answer.values for host, answer in zip(hosts, answers, strict=True) if answer.values}


async def read_caa(domain: str, look: Look) -> tuple[str, ...]:
    """The CAA set that applies: the domain's, or that of the nearest name above that has one (RFC 8659)."""
    labels = domain.rstrip(".").split(".")
    for first in range(max(1, len(labels) - 1)):
        answer = await look(".".join(labels[first:]), "CAA")
        if answer.values:
            return answer.values
    return ()


async def read_dnssec(zone: str, lookups: Lookups) -> Verdict:
    return await dnssec.read(zone, lookups.get, lookups.best)
