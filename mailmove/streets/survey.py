"""Look at the ways that mail comes by from outside: DNS first, then every port and every question that follows.

Nothing is changed and no message is sent. It ends within a minute, whoever does not answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from mailmove.dns.client.answer import Server
from mailmove.dns.client.lookups import Lookups
from mailmove.errors import MailmoveError
from mailmove.smtp.port_check import PortCheck, check_port
from mailmove.smtp.takes_mail import RcptCheck, takes_mail
from mailmove.streets.dns_survey import domain_sight, hosts_of, spf_addresses
from mailmove.streets.judge import is_of_others
from mailmove.streets.sights import DomainSight, Host, Sights, WebHost

T = TypeVar("T")
FOREIGN = "example.com"
"""A domain that no server takes mail for (RFC 2606): who takes it takes everything."""
_AT_ONCE = 24
"""Connections at the same time; each is to another port."""
_CANDIDATES = 60
"""Most other addresses of the zone whose mail port is tried."""
_LARGEST, _EACH = 20.0, 5.0
"""Seconds for all of DNS, and for one question to one resolver."""


@dataclass(frozen=True)
class Wanted:
    """What is looked at. domains: of the plan. others: accepted ones beside it, of which the MX alone is asked.

    server_names: the plan's names for the old server. zone_names: other names of the zones that have an address.
    zone_mx: name below a plan's domain -> MX hosts. helo: name that we give to other servers. seconds: for a port.
    closed_at: the plan's name of the host whose port is closed and verified.
    """

    domains: Sequence[str]
    server_names: Sequence[str]
    others: Sequence[str] = ()
    zone_names: Sequence[str] = ()
    zone_mx: dict[str, tuple[str, ...]] = field(default_factory=dict)
    smtp_port: int = 25
    other_ports: Sequence[int] = (465, 587)
    helo: str = "localhost"
    closed_at: str = ""
    seconds: float = 5.0


def survey(wanted: Wanted, resolvers: Sequence[Server]) -> Sights:
    """Everything that can be seen from here. What does not answer is in `silent` or beside what was asked."""
    server, domains, zone_hosts, web, named, silent = asyncio.run(_names(wanted, resolvers))
    own = [host for host in server if not is_of_others(host)] or server
    addresses = {address for host in own for address in host.addresses}
    mail_hosts = [host for sight in domains.values() if sight.domain in wanted.domains for host in sight.hosts]
    candidates = list(dict.fromkeys([*_addresses([*own, *mail_hosts, *zone_hosts]), *named]))[:_CANDIDATES]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="survey") as pool:
        check = partial(_checked, wanted.seconds)
        ports = list(pool.map(check, ((address, wanted.smtp_port) for address in candidates)))
        open_at = {port.address for port in ports if not port.closed}
        faces = _addresses([*own, *mail_hosts]) + [address for address in candidates if address in open_at]
        more = [(address, port) for address in dict.fromkeys(faces) for port in wanted.other_ports]
        ports += pool.map(check, more)
        asked = [
            (domain, host)
            for domain, host in web
            if host.addresses and not addresses & set(host.addresses) and not _serves(domains.get(domain), host)
        ]
        answers = pool.map(lambda pair: _asked(wanted, *pair), asked)
        caught = pool.map(partial(_any_address, wanted, open_at), (domains[name] for name in wanted.domains))
        return Sights(
            server=tuple(own),
            domains=domains,
            zone_hosts=tuple(zone_hosts),
            zone_mx=wanted.zone_mx,
            ports=tuple(ports),
            web=tuple(answer for answer in answers if answer),
            any_address=dict(answer for answer in caught if answer),
            smtp_port=wanted.smtp_port,
            closed_at=wanted.closed_at,
            silent=tuple(silent),
        )


async def _names(
    wanted: Wanted, resolvers: Sequence[Server]
) -> tuple[list[Host], dict[str, DomainSight], list[Host], list[tuple[str, Host]], list[str], list[str]]:
    """(server, sights, other names of the zones, hosts of the web, addresses that SPF names, what was silent)."""
    lookups, silent = Lookups(resolvers, timeout=_EACH), list[str]()
    web_names = [(domain, name) for domain in wanted.domains for name in (domain, f"www.{domain}")]
    try:
        async with asyncio.timeout(_LARGEST):
            sights, server, zone_hosts, web, named = await asyncio.gather(
                asyncio.gather(*(domain_sight(name, lookups.get) for name in (*wanted.domains, *wanted.others))),
                hosts_of(wanted.server_names, lookups.get),
                hosts_of(wanted.zone_names, lookups.get),
                hosts_of((name for _, name in web_names), lookups.get),
                asyncio.gather(*(spf_addresses(name, lookups.get) for name in wanted.domains)),
            )
    except TimeoutError:
        names = (*wanted.domains, *wanted.others)
        late = f"no answer of the resolvers within {_LARGEST:g} s"
        return [], {name: DomainSight(domain=name, error=late) for name in names}, [], [], [], [late]
    finally:
        await lookups.close()
    silent += [f"{host.name}: {host.error}" for host in (*server, *zone_hosts) if host.error]
    by_name = {host.name: host for host in web}
    hosts = [(domain, by_name[name]) for domain, name in web_names if name in by_name]
    by_spf = [address for addresses in named for address in addresses]
    return server, {sight.domain: sight for sight in sights}, zone_hosts, hosts, by_spf, silent


def _serves(sight: DomainSight | None, host: Host) -> bool:
    """Whether it is an MX of the domain: then it shall take mail."""
    return sight is not None and any(set(mx.addresses) & set(host.addresses) for mx in sight.hosts)


def _addresses(hosts: Iterable[Host]) -> list[str]:
    return list(dict.fromkeys(address for host in hosts for address in host.addresses))


def _checked(seconds: float, where: tuple[str, int]) -> PortCheck:
    try:
        return check_port(*where, timeout=seconds)
    except MailmoveError as error:  # an address that is none
        return PortCheck(address=where[0], port=where[1], state="unreachable", words=error.seen)


def recipients_for(domain: str) -> tuple[str, str, str]:
    """(an address that every domain has, one that nobody has, one of somebody else) to ask about."""
    return f"postmaster@{domain}", f"mailmove-{secrets.token_hex(5)}@{domain}", f"postmaster@{FOREIGN}"


def _ask(wanted: Wanted, address: str, domain: str) -> RcptCheck:
    return takes_mail(address, wanted.smtp_port, list(recipients_for(domain)), helo=wanted.helo, timeout=wanted.seconds)


def _asked(wanted: Wanted, domain: str, host: Host) -> WebHost | None:
    """None: nobody takes mail there. The first of its addresses that answers counts."""
    for address in host.addresses:
        rcpt = _ask(wanted, address, domain)
        if not rcpt.error:
            return WebHost(domain=domain, name=host.name, rcpt=rcpt)
    return None


def _any_address(wanted: Wanted, open_at: set[str], sight: DomainSight) -> tuple[str, RcptCheck] | None:
    """What the first MX host that takes connections says to an address that nobody has."""
    for host in sight.hosts:
        for address in host.addresses:
            if address in open_at:
                return sight.domain, _ask(wanted, address, sight.domain)
    return None
