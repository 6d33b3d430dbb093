"""Assess a domain's mail as public DNS shows it: read-only, without credentials, within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

import dns.resolver

from mailmove.clock import now as time_now
from mailmove.dns.assessment import survey
from mailmove.dns.assessment.advice import advice
from mailmove.dns.assessment.mail_hosts import read_mail_hosts
from mailmove.dns.assessment.name_servers import ask_servers, differing, zone_and_servers
from mailmove.dns.assessment.result import PARTS, Assessment, Part, UnansweredPart
from mailmove.dns.client.lanes import Ways
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.client.query import Server
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch, https_fetch
from mailmove.dns.mail_auth.record_verdict import RecordState, RecordVerdict
from mailmove.dns.zone.desired import mx_hosts
from mailmove.domain_names import to_ascii
from mailmove.plan.cutover import Propagation
from mailmove.records import RRset

DEADLINE = 9.0
"""Seconds for the whole assessment; what has not answered by then is named."""

_AUTHORITY_TIMEOUT = 2.0
"""Seconds for an authoritative server; an answer takes a tenth of that from the other side of the world."""
_ROOT_TIMEOUT = 2.0
"""Seconds to see whether the root is there, after a domain is not."""
_VERDICTS: dict[Part, str] = {
    "SPF": "spf", "DMARC": "dmarc", "MTA-STS": "mta_sts", "TLS-RPT": "tls_rpt", "DNSSEC": "dnssec",
}  # fmt: skip
"""Parts with a verdict, and its field."""

PartResult = tuple[dict[str, Any], str | None]
"""(fields of the Assessment, error: why something did not answer)."""

__all__ = ["Assessment", "assess", "assess_domain", "default_resolvers"]


async def assess(
    domain: str,
    resolvers: Sequence[Server],
    *,
    dns_port: int = 53,
    now: datetime | None = None,
    fetch: Fetch | None = None,
    deadline: float = DEADLINE,
    selectors: Sequence[str] = survey.SELECTORS,
    ways: Ways | None = None,
) -> Assessment:
    """Assess a domain. dns_port: of authoritative servers. fetch: reads the MTA-STS policy file. selectors: of DKIM.

    ways: how resolvers are asked by HTTPS; None: as the shipped list says.

    Never raises for trouble on the network; ends within `deadline` seconds and a little.
    """
    started, name = time.monotonic(), _as_dns_has_it(domain)
    lookups = Lookups(resolvers, ways=ways)
    assessment = Assessment(domain=name, at=now or time_now())
    parts: dict[Part, Coroutine[Any, Any, PartResult]] = {
        "MX": _mx(name, lookups),
        "name servers": _servers(name, lookups, dns_port),
        "SPF": _verdict("spf", survey.read_spf(name, lookups.get)),
        "DMARC": _verdict("dmarc", survey.read_dmarc(name, lookups.get)),
        "mail hosts": _mail_hosts(name, lookups),
        "DNSSEC": _dnssec(name, lookups),
        "MTA-STS": _verdict("mta_sts", survey.read_mta_sts(name, lookups.get, fetch or https_fetch(lookups.get))),
        "TLS-RPT": _verdict("tls_rpt", survey.read_tls_rpt(name, lookups.get)),
        "DANE": _dane(name, lookups),
        "CAA": _caa(name, lookups),
        "DKIM": _dkim(name, lookups, selectors),
    }
    tasks = {asyncio.create_task(part): title for title, part in parts.items()}
    silent: list[UnansweredPart] = []
    try:
        done, late = await asyncio.wait(tasks, timeout=deadline)
        for task in done:
            if fault := task.exception():  # what strangers publish must not end the other parts
                silent.append(UnansweredPart(part=tasks[task], error=f"{type(fault).__name__}: {fault}"))
                continue
            update, error = task.result()
            assessment = assessment.model_copy(update=update)
            if error:
                silent.append(UnansweredPart(part=tasks[task], error=error))
        for task in late:
            task.cancel()
            silent.append(UnansweredPart(part=tasks[task]))
        await asyncio.gather(*late, return_exceptions=True)
        if assessment.exists is False and (why := await _denies_the_root(lookups)):
            assessment = Assessment(domain=name, at=assessment.at)
            silent = [UnansweredPart(part=part, error=why) for part in PARTS]
    finally:
        await lookups.close()
    assessment = _summed(_marked(assessment, silent)).model_copy(
        update={"seconds": round(time.monotonic() - started, 3), "silent": sorted(silent, key=str)}
    )
    return assessment.model_copy(update={"findings": advice(assessment)}).summed_up()


def _marked(assessment: Assessment, silent: Sequence[UnansweredPart]) -> Assessment:
    """The assessment with the state of each part; a verdict that did not come says so itself."""
    states: dict[Part, RecordState] = dict.fromkeys(PARTS, "answered")
    update: dict[str, Any] = {}
    for unanswered in silent:
        states[unanswered.part] = "no answer"
        field = _VERDICTS.get(unanswered.part)
        verdict = getattr(assessment, field) if field else None
        if field and isinstance(verdict, RecordVerdict) and verdict.state == "not asked":
            reason = unanswered.error or "nothing came before the deadline"
            update[field] = verdict.model_copy(update={"state": "no answer", "unanswered": reason})
    return assessment.model_copy(update={**update, "parts": states})


def _as_dns_has_it(domain: str) -> str:
    """Lower case, `xn--` inside, no last dot; what no registry allows is asked for as it was written."""
    name = domain.strip().rstrip(".").lower()
    try:
        return to_ascii(name).rstrip(".")
    except ValueError:
        return name


def assess_domain(domain: str, resolvers: Sequence[Server] | None = None) -> Assessment:
    """`assess` for callers without an event loop. None: the plan's usual public resolvers, then this machine's own.

    Public ones first: the machine's own may show the inside of a split horizon.
    """
    # Windows' usual event loop cannot watch the UDP sockets of `mailmove.dns.client.udp_sockets`.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(assess(domain, default_resolvers() if resolvers is None else resolvers))


def default_resolvers() -> list[Server]:
    """The plan's usual public resolvers, then those that this machine is set to."""
    public = [(address, 53) for address in Propagation().resolvers]
    try:
        own = [(str(address), 53) for address in dns.resolver.Resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        own = []
    return list(dict.fromkeys([*public, *own]))


async def _denies_the_root(lookups: Lookups) -> str | None:
    """Why what does not exist here may exist: who answers denies even the root. None: the root is there, or unknown.

    So do networks that let only their own names through, and machines without a way out.
    """
    try:
        async with asyncio.timeout(_ROOT_TIMEOUT):
            answer = await lookups.get(".", "NS")
    except TimeoutError:
        return None
    return f"{answer.server} says that not even the root of the DNS exists" if answer.rcode == "NXDOMAIN" else None


async def _verdict(name: str, part: Coroutine[Any, Any, RecordVerdict]) -> PartResult:
    verdict = await part
    return {name: verdict}, verdict.unanswered


async def _servers(name: str, lookups: Lookups, dns_port: int) -> PartResult:
    zone, servers, error = await zone_and_servers(name, lookups.get)
    answers = await ask_servers(name, zone, servers, dns_port, _AUTHORITY_TIMEOUT, lookups.ways)
    if answers and not any(server.answered for server in answers):
        error = f"none of {len(answers)} name servers answers from here: {answers[0].error}"
    return {"zone": zone, "name_servers": answers}, error


async def _mx(name: str, lookups: Lookups) -> PartResult:
    answer = await lookups.get(name, "MX")
    if answer.error:
        return {}, answer.error
    return {
        "exists": answer.rcode != "NXDOMAIN",
        "mx": answer.values,
        "mx_ttl": answer.ttl if answer.values else None,
        "answered_by": answer.server,
    }, None


async def _hosts(name: str, lookups: Lookups) -> tuple[list[str], str | None]:
    """(the hosts of the MX set, best preference first, without a null MX; error)."""
    answer = await lookups.get(name, "MX")
    hosts = mx_hosts(RRset(name=name, type="MX", ttl=0, values=answer.values)) if answer.values else []
    return [host for host in hosts if host != "."], answer.error and f"MX: {answer.error}"


async def _mail_hosts(name: str, lookups: Lookups) -> PartResult:
    names, error = await _hosts(name, lookups)
    hosts = await read_mail_hosts(names, lookups.get)
    return {"mail_hosts": hosts}, error or next((f"{host.name} {host.error}" for host in hosts if host.error), None)


async def _dane(name: str, lookups: Lookups) -> PartResult:
    names, error = await _hosts(name, lookups)
    records, other = await survey.read_tlsa(names, lookups.get)
    return {"tlsa": records}, error or other


async def _caa(name: str, lookups: Lookups) -> PartResult:
    records, error = await survey.read_caa(name, lookups.get)
    return {"caa": records}, error


async def _dnssec(name: str, lookups: Lookups) -> PartResult:
    zone, _, error = await zone_and_servers(name, lookups.get)
    verdict = await survey.read_dnssec(zone or name, lookups)
    return {"dnssec": verdict}, verdict.unanswered or (error if verdict.record is None else None)


async def _dkim(name: str, lookups: Lookups, selectors: Sequence[str]) -> PartResult:
    await zone_and_servers(name, lookups.get)  # so many questions go last: where one resolver has to answer them all
    read = await survey.read_dkim(name, lookups.get, selectors)
    return {"dkim": read.keys, "dkim_no_keys": read.no_keys}, read.error


def _summed(assessment: Assessment) -> Assessment:
    """Add what follows from all name servers together. Their TTL counts: a resolver shows what is left of it."""
    good = [server for server in assessment.name_servers if not server.error]
    ttls = [server.ttl for server in good if server.ttl is not None]
    ttl = max(ttls, default=assessment.mx_ttl)
    return assessment.model_copy(
        update={
            "agree": not differing(good) if good else None,
            "mx_ttl": ttl,
            "clear_by": assessment.at + timedelta(seconds=ttl) if ttl is not None else None,
        }
    )
