"""How a sender finds a mail server: MX, then addresses, from its own resolver at every attempt (RFC 5321, 5.1)."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype


class NoRoute(Exception):
    """`for_good`: the domain takes no mail (bounce); else the look-up failed now (try again)."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


def mail_servers(domain: str, resolver: tuple[str, int], source: str | None = None) -> list[str]:
    """IPv4 addresses to try in order for a domain; one raw query per name, no cache of its own."""
    hosts = _mx(domain, resolver, source)
    addresses: list[str] = []
    trouble: NoRoute | None = None
    for host in hosts:
        try:
            addresses += [record.address for record in _ask(host, "A", resolver, source)]
        except NoRoute as error:
            trouble = error
    if not addresses:
        raise trouble or NoRoute(f"no address for {', '.join(hosts)}", for_good=True)
    return addresses


def _mx(domain: str, resolver: tuple[str, int], source: str | None) -> list[str]:
    records = sorted(_ask(domain, "MX", resolver, source), key=lambda record: int(record.preference))
    if len(records) == 1 and str(records[0].exchange) == ".":
        raise NoRoute(f"{domain} takes no mail (null MX, RFC 7505)", for_good=True)
    return [str(record.exchange) for record in records] or [domain]


def _ask(name: str, kind: str, resolver: tuple[str, int], source: str | None) -> list[Any]:
    query = dns.message.make_query(name, kind)
    try:
        answer, _ = dns.query.udp_with_fallback(query, resolver[0], port=resolver[1], timeout=3, source=source)
    except (dns.exception.DNSException, OSError) as error:
        raise NoRoute(f"resolver {resolver[0]}: {error or type(error).__name__}", for_good=False) from error
    if answer.rcode() == dns.rcode.NXDOMAIN:
        raise NoRoute(f"{name} does not exist", for_good=True)
    if answer.rcode() != dns.rcode.NOERROR:
        raise NoRoute(f"resolver {resolver[0]}: {dns.rcode.to_text(answer.rcode())}", for_good=False)
    wanted = dns.rdatatype.from_text(kind)
    return [record for rrset in answer.answer if rrset.rdtype == wanted for record in rrset]
