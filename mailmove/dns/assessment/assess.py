"""A domain's mail as the world sees it: a read-only look that needs no credentials and ends within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

import dns.resolver

from mailmove.dns.assessment import survey
from mailmove.dns.assessment.advice import advice
from mailmove.dns.assessment.result import Assessment
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.client.query import Server
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch, https_fetch
from mailmove.dns.zone.desired import mx_hosts
from mailmove.evidence import now as time_now
from mailmove.plan.cutover import Propagation
from mailmove.records import RRset

DEADLINE = 9.0
"""Seconds for everything; what has not answered by then is named."""

__all__ = ["Assessment", "assess", "assess_domain", "default_resolvers"]


async def assess(
    domain: str,
    resolvers: Sequence[Server],
    *,
    dns_port: int = 53,
    now: datetime | None = None,
    fetch: Fetch | None = None,
    deadline: float = DEADLINE,
) -> Assessment:
    """Look at a domain. dns_port: of authoritative servers. fetch: reads the MTA-STS policy file.

    Never raises for trouble on the network; ends within `deadline` seconds and a little.
    """
    started, name = time.monotonic(), domain.strip().rstrip(".").lower()
    lookups = Lookups(resolvers)
    seen = Assessment(domain=name, at=now or time_now())
    parts: dict[str, Coroutine[Any, Any, dict[str, Any]]] = {
        "name servers": _servers(name, lookups, dns_port),
        "MX": _mx(name, lookups),
        "SPF": _one("spf", survey.read_spf(name, lookups.get)),
        "DMARC": _one("dmarc", survey.read_dmarc(name, lookups.get)),
        "MTA-STS": _one("mta_sts", survey.read_mta_sts(name, lookups.get, fetch or https_fetch(lookups.get))),
        "TLS-RPT": _one("tls_rpt", survey.read_tls_rpt(name, lookups.get)),
        "DNSSEC": _dnssec(name, lookups),
        "DKIM": _dkim(name, lookups),
        "CAA": _one("caa", survey.read_caa(name, lookups.get)),
    }
    tasks = {asyncio.create_task(part): title for title, part in parts.items()}
    try:
        done, late = await asyncio.wait(tasks, timeout=deadline)
        for task in done:
            if trouble := task.exception():  # what strangers publish must not take the rest of the look away
                seen.silent.append(f"{tasks[task]} ({type(trouble).__name__}: {trouble})")
            else:
                seen = seen.model_copy(update=_merged(seen, task.result()))
        for task in late:
            task.cancel()
            seen.silent.append(tasks[task])
        await asyncio.gather(*late, return_exceptions=True)
    finally:
        await lookups.close()
    seen = _summed(seen)
    seen = seen.model_copy(update={"seconds": round(time.monotonic() - started, 3), "silent": sorted(seen.silent)})
    return seen.model_copy(update={"findings": advice(seen)})


def assess_domain(domain: str, resolvers: Sequence[Server] | None = None) -> Assessment:
    """`assess` for callers without an event loop. None: the plan's usual public resolvers, then this machine's own.

    Public ones first: the machine's own may show the inside of a split horizon.
    """
    return asyncio.run(assess(domain, default_resolvers() if resolvers is None else resolvers))


def default_resolvers() -> list[Server]:
    """Public ones, then those that this machine is set to."""
    public = [(address, 53) for address in Propagation().resolvers]
    try:
        own = [(str(address), 53) for address in dns.resolver.Resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        own = []
    return list(dict.fromkeys([*public, *own]))


def _merged(seen: Assessment, update: dict[str, Any]) -> dict[str, Any]:
    silent = update.pop("silent", None)
    return {**update, "silent": [*seen.silent, silent]} if silent else update


async def _one(field: str, part: Coroutine[Any, Any, Any]) -> dict[str, Any]:
    return {field: await part}


async def _servers(name: str, lookups: Lookups, dns_port: int) -> dict[str, Any]:
    zone, servers, trouble = await survey.zone_and_servers(name, lookups.get)
    found = await survey.name_servers(name, zone, servers, dns_port, timeout=3.0)
    return {"zone": zone, "name_servers": found, "silent": f"name servers ({trouble})" if trouble else None}


async def _mx(name: str, lookups: Lookups) -> dict[str, Any]:
    answer = await lookups.get(name, "MX")
    exists = None if answer.error else answer.rcode != "NXDOMAIN"
    if answer.error:
        return {"silent": f"MX ({answer.error})", "exists": exists}
    hosts = mx_hosts(RRset(name=name, type="MX", ttl=0, values=answer.values)) if answer.values else []
    real = [host for host in hosts if host != "."]
    return {"mx": answer.values, "mx_ttl": answer.ttl if answer.values else None, "exists": exists} | {
        "answered_by": answer.server,
        "tlsa": await survey.read_tlsa(real, lookups.get),
    }


async def _dnssec(name: str, lookups: Lookups) -> dict[str, Any]:
    zone, _, _ = await survey.zone_and_servers(name, lookups.get)
    return {"dnssec": await survey.read_dnssec(zone, lookups)}


async def _dkim(name: str, lookups: Lookups) -> dict[str, Any]:
    found, trouble = await survey.read_dkim(name, lookups.get)
    return {"dkim": found, "silent": f"DKIM ({trouble})" if trouble else None}


def _summed(seen: Assessment) -> Assessment:
    """What follows from all name servers together. Their TTL counts: a resolver shows what is left of it."""
    good = [one for one in seen.name_servers if not one.error]
    ttls = [one.ttl for one in good if one.ttl is not None]
    ttl = max(ttls, default=seen.mx_ttl)
    return seen.model_copy(
        update={
            "agree": len({one.mx for one in good}) == 1 if good else None,
            "mx_ttl": ttl,
            "clear_by": seen.at + timedelta(seconds=ttl) if ttl is not None else None,
        }
    )
