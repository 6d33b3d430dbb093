"""Read what a domain publishes about its mail, by public DNS and without credentials. One coroutine for each part."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from mailmove.dns.assessment import dnssec
from mailmove.dns.assessment.dnssec import DnssecVerdict
from mailmove.dns.client.lookups import Lookup, Lookups
from mailmove.dns.mail_auth import dmarc, mta_sts, spf, tls_rpt
from mailmove.dns.mail_auth.dkim_key import is_key_record, why_no_key
from mailmove.dns.mail_auth.dmarc import DmarcVerdict
from mailmove.dns.mail_auth.mta_sts import MtaStsVerdict
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch
from mailmove.dns.mail_auth.near_misses import near_dmarc, near_spf
from mailmove.dns.mail_auth.spf_cost import SpfCost, SpfFacts, SpfVerdict, measure
from mailmove.dns.mail_auth.tag_lists import texts
from mailmove.dns.mail_auth.tls_rpt import TlsRptVerdict

SELECTORS = (
    "selector1", "selector2", "default", "google", "k1", "k2", "k3", "s1", "s2", "dkim", "mail", "smtp", "email",
    "key1", "mta", "mxvault", "sig1", "protonmail", "zoho", "mandrill", "everlytickey1", "fm1", "scph0", "pm", "x",
)  # fmt: skip
"""DKIM selectors of common services. DNS has no way to list the selectors of a domain."""


async def read_spf(domain: str, lookup: Lookup) -> SpfVerdict:
    """Read the SPF record, and count its look-ups with all that it includes."""
    answer = await lookup(domain, "TXT")
    if answer.error:
        return SpfVerdict(unanswered=answer.error)
    records, near = [value for value in answer.values if spf.is_spf(value)], near_spf(answer.values)
    if not records:
        return SpfVerdict(state="answered", near=near)
    text = spf.text_of(records[0])
    if len(records) > 1:
        fault = f"{len(records)} SPF records; receivers take this as an error"
        return SpfVerdict(record=text, valid=False, faults=(fault,), near=near)
    cost = await measure(domain, text, lookup)
    hosts = {value.split()[-1].lower() for value in (await lookup(domain, "MX")).values}
    facts, faults = _spf_facts(domain, text, cost, hosts), tuple(cost.permanent)
    if cost.unanswered and not faults:
        return SpfVerdict(record=text, unanswered="; ".join(cost.unanswered), facts=facts)
    return SpfVerdict(record=text, valid=not faults, faults=faults, facts=facts, near=near)


def _spf_facts(domain: str, text: str, cost: SpfCost, hosts: set[str]) -> SpfFacts:
    """hosts: of the domain's MX set today."""
    terms = spf.in_force(text)
    elsewhere = [term for term in cost.mx if term.record != domain.rstrip(".").lower()]
    return SpfFacts(
        lookups=cost.lookups,
        voids=cost.voids,
        all=next((term.qualifier for term in terms if term.name == "all"), None),
        redirect=next((term.value for term in terms if term.name == "redirect"), None),
        ptr=any(term.name == "ptr" for term in terms),
        mx_elsewhere=tuple(dict.fromkeys(term.record for term in elsewhere if hosts & set(term.hosts))),
        mx_nowhere=tuple(dict.fromkeys(term.record for term in elsewhere if not term.hosts)),
    )


async def read_dmarc(domain: str, lookup: Lookup) -> DmarcVerdict:
    """Read the record that applies: the domain's own, or that of the nearest domain above (RFC 9989 section 4.10).

    Receivers choose the organisational domain among several above; here the nearest counts, and `location` names it.
    Texts that are nearly a record are named: at the right place, and among the domain's own TXT records.
    """
    labels = domain.rstrip(".").split(".")
    near: tuple[str, ...] = ()
    for first in range(max(1, len(labels) - 1)):
        place = ".".join(labels[first:])
        answer = await lookup(f"_dmarc.{place}", "TXT")
        if answer.error:
            return DmarcVerdict(unanswered=answer.error)
        verdict = dmarc.read(answer.values, place)
        near += verdict.near
        if verdict.record is not None:
            return verdict.model_copy(update={"near": near})
    return DmarcVerdict(state="answered", near=near + await _dmarc_elsewhere(domain, lookup))


async def _dmarc_elsewhere(domain: str, lookup: Lookup) -> tuple[str, ...]:
    """DMARC records where no receiver asks for them: at the domain itself, or with the domain's name twice."""
    name = domain.rstrip(".")
    misplaced = [(place, await lookup(place, "TXT")) for place in (name, f"_dmarc.{name}.{name}")]
    return tuple(
        f"{text!r} (it stands at {place}, and receivers ask at _dmarc.{name})"
        for place, answer in misplaced
        for text in texts(answer.values)
        if dmarc.is_record(text) or near_dmarc([spf.value_of(text)], dmarc.is_record)
    )


async def read_mta_sts(domain: str, lookup: Lookup, fetch: Fetch) -> MtaStsVerdict:
    """Read the TXT record and the policy file; valid only if both are."""
    answer = await lookup(f"_mta-sts.{domain}", "TXT")
    if answer.error:
        return MtaStsVerdict(unanswered=answer.error)
    verdict = mta_sts.read_record(answer.values)
    if not verdict.valid:
        return verdict
    fetched = await fetch(domain.rstrip("."))
    if fetched.error and not fetched.asked:
        return MtaStsVerdict(record=verdict.record, unanswered=fetched.error, facts=verdict.facts)
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


class DkimKeys(NamedTuple):
    """keys: selector -> key record. no_keys: selector -> why what stands there is none. error: of those not asked."""

    keys: dict[str, str]
    no_keys: dict[str, str]
    error: str | None


async def read_dkim(domain: str, lookup: Lookup, selectors: Sequence[str] = SELECTORS) -> DkimKeys:
    """Read the keys of the selectors. A wildcard that answers for every name is no key."""
    random_name = secrets.token_hex(6)
    names = [random_name, *selectors]
    answers = await asyncio.gather(*(lookup(f"{name}._domainkey.{domain}", "TXT") for name in names))
    by_name = dict(zip(names, answers, strict=True))
    failed = [answer.error for answer in answers if answer.error]
    result = DkimKeys({}, {}, f"{len(failed)} of {len(names)} selectors: {failed[0]}" if failed else None)
    for name, answer in by_name.items():
        records = [text for text in texts(answer.values) if is_key_record(text)]
        if name == random_name or not records or answer.values == by_name[random_name].values:
            continue
        if len(records) > 1:
            result.no_keys[name] = f"{len(records)} key records, and receivers may take any"
        elif reason := why_no_key(records[0]):
            result.no_keys[name] = reason
        else:
            result.keys[name] = records[0]
    return result


async def read_tlsa(hosts: Sequence[str], lookup: Lookup) -> tuple[dict[str, tuple[str, ...]], str | None]:
    """(MX host -> its TLSA records at port 25 (DANE, RFC 7672), only hosts that have some; error)."""
    answers = await asyncio.gather(*(lookup(f"_25._tcp.{host}", "TLSA") for host in hosts))
    records = {host: answer.values for host, answer in zip(hosts, answers, strict=True) if answer.values}
    return records, next((f"{answer.name}: {answer.error}" for answer in answers if answer.error), None)


async def read_caa(domain: str, lookup: Lookup) -> tuple[tuple[str, ...], str | None]:
    """(the CAA set that applies: the domain's, or that of the nearest name above that has one (RFC 8659); error)."""
    labels = domain.rstrip(".").split(".")
    for first in range(max(1, len(labels) - 1)):
        answer = await lookup(".".join(labels[first:]), "CAA")
        if answer.error or answer.values:
            return answer.values, answer.error
    return (), None


async def read_dnssec(zone: str, lookups: Lookups) -> DnssecVerdict:
    """Check the chain of trust from the parent zone to the zone."""
    return await dnssec.read(zone, lookups)
