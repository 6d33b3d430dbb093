"""Find out what anybody may know of a customer: DNS, the old server's name, certificate and version, the tenant.

Nothing is changed and no password is sent. Whatever does not answer is named, and asked of the person instead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field

from blocks.microsoft365.signing_in.public_answers import holder_of
from deployments.cli.init.operators import dns_operator
from deployments.cli.init.own_resolvers import machine_resolvers, resolvers_of_provider
from deployments.cli.init.web_answers import certificate_at, owa_version
from mailmove.certificate_names import matches, names_of
from mailmove.dns.assessment.assess import Assessment, assess, default_resolvers
from mailmove.dns.assessment.mail_filters import mail_filter
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.client.query import Server
from mailmove.tenant_state import DomainHolder, HolderKind

LOGIN = "https://login.microsoftonline.com"
_NAMES = ("mail", "remote", "owa", "webmail", "exchange", "outlook")
"""First labels under which companies publish their Exchange."""
_MICROSOFT = (".outlook.com.", ".microsoftonline.com.", ".office365.com.")


class Ways(BaseModel):
    """Where to look; other ports and hosts than the world's only in a rehearsal."""

    model_config = ConfigDict(extra="forbid")

    dns_port: int = Field(default=53, ge=1, le=65535, description="Of authoritative name servers")
    https_port: int = Field(default=443, ge=1, le=65535, description="Of the old server")
    login_url: str = Field(default=LOGIN, pattern="^https://", description="Of Microsoft's sign-in")
    extra_ca: str | None = Field(default=None, description="PEM of a further root to trust")


class Discovery(BaseModel):
    """What was seen; '' and None: it was not seen, which does not mean that it is not there."""

    domain: str
    zone: str = ""
    dns_operator: str = ""
    dns_block: str = "manual"
    octodns_class: str = ""
    mx: list[str] = []
    mx_ttl: int | None = None
    filter: str = ""
    host: str = Field(default="", description="Public name of the old server")
    host_addresses: list[str] = []
    certificate: str = ""
    version: str = ""
    tenant_id: str = ""
    tenant: HolderKind = ""
    own_resolvers: list[str] = Field(default=[], description="Of the old server's provider, by this machine's settings")
    blockers: list[str] = []
    silent: list[str] = []

    def lines(self) -> list[str]:
        """Lines for the terminal: what was seen, then what was not."""
        ttl = f", TTL {self.mx_ttl} s" if self.mx_ttl is not None else ""
        behind = f"; that is {self.filter}" if self.filter else ""
        rows = {
            "zone": self.zone and f"{self.zone} at {self.dns_operator or 'an operator that is not known here'}",
            "MX": self.mx and f"{', '.join(self.mx)}{ttl}{behind}",
            "old server": self.host and f"{self.host} ({', '.join(self.host_addresses)})",
            "certificate": self.certificate,
            "version": self.version and f"{product(self.version)} ({self.version})",
            "resolvers": self.own_resolvers
            and f"{', '.join(self.own_resolvers)}, of the old server's provider: asked besides the public ones",
            "tenant": self.tenant and DomainHolder(kind=self.tenant, tenant_id=self.tenant_id).words(),
        }
        lines = [f"{what:<12} {words}" for what, words in rows.items() if words]
        lines += [f"!! {words}" for words in self.blockers]
        return lines + [f"?? {words}" for words in self.silent]


def product(version: str) -> str:
    """What people call a version of Exchange."""
    return {"8": "Exchange 2007", "14": "Exchange 2010", "15.0": "Exchange 2013", "15.1": "Exchange 2016",
            "15.2": "Exchange 2019 or SE"}.get(
        version.partition(".")[0] if not version.startswith("15.") else ".".join(version.split(".")[:2]),
        "an Exchange that is not known here",
    )  # fmt: skip


def discover(domain: str, resolvers: Sequence[Server] | None, ways: Ways) -> Discovery:
    """Look a domain up; half a minute at most. Never raises for what others answer, or do not."""
    asked = list(resolvers) if resolvers else default_resolvers()
    with ThreadPoolExecutor(1) as pool:
        tenant = pool.submit(holder_of, domain, ways.login_url, ways.extra_ca)
        assessment, candidates, owner = asyncio.run(_by_dns(domain, asked, ways.dns_port))
        shown = _of_dns(assessment)
        _look_at_servers(shown, _ordered(shown, candidates, owner), ways)
        if resolvers is None:  # else somebody has chosen whom to ask
            own = resolvers_of_provider(machine_resolvers(), shown.host_addresses, asked)
            shown.own_resolvers = asyncio.run(own)
        holder = tenant.result()
    shown.tenant, shown.tenant_id = holder.kind, holder.tenant_id
    if holder.trouble:
        shown.silent.append(holder.trouble)
    return shown


async def _by_dns(
    domain: str, resolvers: Sequence[Server], dns_port: int
) -> tuple[Assessment, dict[str, list[str]], str]:
    """(assessment, host -> addresses of hosts that may be the old server, target of Autodiscover's SRV record)."""
    assessment = await assess(domain, resolvers, dns_port=dns_port)
    lookups = Lookups(resolvers)
    try:
        srv = await lookups.get(f"_autodiscover._tcp.{assessment.domain}", "SRV")
        target = srv.values[0].split()[-1].rstrip(".").lower() if srv.values else ""
        hosts = [*(value.split()[-1].rstrip(".").lower() for value in assessment.mx), target]
        hosts += [f"{label}.{assessment.domain}" for label in (*_NAMES, "autodiscover")]
        hosts = [host for host in dict.fromkeys(hosts) if host and not f".{host}.".endswith(_MICROSOFT)]
        answers = await asyncio.gather(*(lookups.get(host, "A") for host in hosts))
        canonical = await asyncio.gather(*(lookups.get(host, "CNAME") for host in hosts))
    finally:
        await lookups.close()
    return (
        assessment,
        {
            host: list(answer.values)
            for host, answer, alias in zip(hosts, answers, canonical, strict=True)
            if answer.values and not any(value.lower().endswith(_MICROSOFT) for value in alias.values)
        },
        target,
    )


def _of_dns(assessment: Assessment) -> Discovery:
    hosts = [value.split()[-1].rstrip(".").lower() for value in assessment.mx]
    operator = dns_operator([server.name for server in assessment.name_servers], assessment.domain)
    shown = Discovery(
        domain=assessment.domain,
        zone=assessment.zone.rstrip(".") if assessment.name_servers else "",
        mx=hosts,
        mx_ttl=assessment.mx_ttl,
        filter=mail_filter(hosts),
        blockers=[
            f"{finding.subject}: {finding.seen}. {finding.todo}" for finding in assessment.findings if finding.blocks
        ],
        silent=[f"no answer in time: {part}" for part in assessment.silent],
    )
    if operator:
        shown.dns_operator, shown.dns_block, shown.octodns_class = operator.name, operator.block, operator.octodns
    return shown


def _ordered(shown: Discovery, candidates: dict[str, list[str]], owner: str) -> dict[str, list[str]]:
    """Hosts that may be the old server, the likeliest first; never those of a filter, which is not the server."""
    behind_filter = set(shown.mx) if shown.filter else set()
    likely = [owner, *shown.mx, *candidates]
    order = [host for host in dict.fromkeys(likely) if host in candidates and host not in behind_filter]
    named = [host for host in order if not host.startswith("autodiscover.")]
    return {host: candidates[host] for host in [*named, *(host for host in order if host not in named)]}


def _look_at_servers(shown: Discovery, candidates: dict[str, list[str]], ways: Ways) -> None:
    """Take the first host that shows a certificate with its name; else the first that shows any."""
    if not candidates:
        shown.silent.append("no host that could be the old server has an address")
        return
    with ThreadPoolExecutor(8) as pool:
        tried = {
            host: pool.submit(certificate_at, host, addresses[0], ways.https_port)
            for host, addresses in candidates.items()
        }
        certificates = {host: attempt.result() for host, attempt in tried.items()}
    showing = {host: certificate for host, certificate in certificates.items() if certificate is not None}
    fitting = [host for host, leaf in showing.items() if any(matches(name, host) for name in names_of(leaf))]
    host = next(iter([*fitting, *showing, *candidates]))
    shown.host, shown.host_addresses = host, candidates[host]
    if host not in showing:
        shown.silent.append(f"nothing answers with TLS at {host}, port {ways.https_port}, from this network")
        return
    shown.certificate = described(showing[host], host)
    shown.version = owa_version(host, candidates[host][0], ways.https_port) or ""
    if not shown.version:
        shown.silent.append(f"Outlook on the web at {host} does not say its version")


def described(leaf: x509.Certificate, host: str) -> str:
    """The certificate in a line: does it name the host, until when, for which names."""
    names = names_of(leaf)
    fits = "fits" if any(matches(name, host) for name in names) else f"does NOT name {host}"
    try:
        until: datetime = leaf.not_valid_after_utc
    except ValueError:
        return f"{fits}; its dates cannot be read"
    listed = re.sub(r"[^\x20-\x7e]", "?", ", ".join(names)[:160])
    return f"{fits}; until {until:%Y-%m-%d}; for {listed or 'no name at all'}"
