"""The read-only look at a domain: complete, in time, and plain about what it could not see."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rdata
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.dns.resolver import HONEST, CachingResolver
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.assessment.assess import Assessment, assess, assess_domain
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched
from mailmove.dns.mail_auth.spf import value_of
from mailmove.records import RRset

GOOD_KEY = b64encode(
    rsa.generate_private_key(65537, 1024).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
AT = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
D = "contoso.test"
BASE = [
    rrset(D, "MX", 86400, "10 mail.contoso.test."),
    rrset(D, "TXT", 300, '"v=spf1 mx -all"'),
    rrset("mail.contoso.test", "A", 300, "192.0.2.25"),
]


async def no_file(domain: str) -> Fetched:
    return Fetched(error="nothing there")


@contextmanager
def serving(*rrsets: RRset, **how: Any) -> Iterator[TownDns]:
    with TownDns(Places(), kind="rfc2136", zones={}, resolvers=[HONEST], faults=Faults(), **how) as town:
        town.add_zone(D, rrsets)
        yield town


def look(town: TownDns, domain: str = D, **how: Any) -> Assessment:
    resolvers = how.pop("resolvers", [(town.resolvers[0].address, town.places.dns_port)])
    return asyncio.run(assess(domain, resolvers, dns_port=town.places.dns_port, now=AT, fetch=no_file, **how))


def seen_of(found: Assessment, subject: str) -> list[str]:
    return [one.seen for one in found.findings if one.subject.startswith(subject)]


def blocking(found: Assessment) -> set[str]:
    return {one.subject.split()[0] for one in found.findings if one.blocks}


def test_a_plain_domain() -> None:
    key = value_of(f"v=DKIM1; k=rsa; p={GOOD_KEY}")
    more = [
        rrset(f"google._domainkey.{D}", "TXT", 300, key),
        rrset(f"_dmarc.{D}", "TXT", 300, '"v=DMARC1; p=none"'),
        rrset(f"_25._tcp.mail.{D}", "TLSA", 300, "3 1 1 " + "ab" * 32),
        rrset(D, "CAA", 300, '0 issue "letsencrypt.org"'),
    ]
    with serving(*BASE, *more) as town:
        found = look(town)
    assert (found.mx, found.mx_ttl, found.agree, found.silent) == (("10 mail.contoso.test.",), 86400, True, [])
    assert found.clear_by == AT + timedelta(days=1)
    assert [one.name for one in found.name_servers] == ["ns1.lab-dns.example.", "ns2.lab-dns.example."]
    assert {one.serial for one in found.name_servers} == {1}
    assert found.dkim == {"google": f"v=DKIM1; k=rsa; p={GOOD_KEY}"}
    assert list(found.tlsa) == ["mail.contoso.test."] and found.caa == ('0 issue "letsencrypt.org"',)
    assert found.spf.facts.lookups == 1 and found.dmarc.facts.p == "none"
    assert blocking(found) == set()
    assert "TLSRPTv1; rua=mailto:tls-reports@contoso.test" in "\n".join(found.lines())
    assert any("clear by 2026-11-24 20:00:00 UTC" in line for line in found.lines())
    assert all(one.todo and one.means for one in found.findings), "each with what it means and what to do"
    assert Assessment.model_validate(json.loads(found.model_dump_json())) == found


@pytest.mark.parametrize(
    ("rrsets", "subjects"),
    [
        ([rrset(D, "MX", 60, "0 .")], {"MX"}),
        ([rrset(D, "TXT", 60, '"v=spf1 -all"')], {"MX"}),
        ([BASE[0], rrset(D, "TXT", 60, '"v=spf1 a -all"', '"v=spf1 mx -all"')], {"SPF"}),
        ([BASE[0], rrset(f"_dmarc.{D}", "TXT", 60, '"v=DMARC1; p=reject"')], {"DMARC"}),
    ],
    ids=["null MX", "no MX", "two SPF", "reject without SPF and DKIM"],
)
def test_what_stands_in_the_way(rrsets: list[RRset], subjects: set[str]) -> None:
    with serving(*rrsets) as town:
        assert blocking(look(town)) == subjects


def test_ten_lookups_leave_no_room_for_microsoft() -> None:
    spf = rrset(D, "TXT", 60, f'"v=spf1 {" ".join(["mx"] * 10)} -all"')
    with serving(BASE[0], BASE[2], spf) as town:
        found = look(town)
    assert found.spf.valid and blocking(found) == {"SPF"}
    assert "10 DNS look-ups" in seen_of(found, "SPF")[0]


def test_no_such_domain() -> None:
    with serving(*BASE) as town:
        town.add_zone("test", [])
        found = look(town, "nosuch.test")
    assert found.exists is False and blocking(found) == {"nosuch.test"}


def test_name_servers_that_disagree_are_named() -> None:
    with serving(*BASE, secondary_lag=3600) as town:
        town.edit(D, rrset(D, "MX", 60, "10 other.contoso.test."))
        found = look(town)
    assert found.agree is False and "name" in blocking(found)
    assert "other.contoso.test." in seen_of(found, "name servers")[0]


def test_dead_resolvers_are_passed_over() -> None:
    with serving(*BASE) as town, dead_port(town.places) as dead:
        good = (town.resolvers[0].address, town.places.dns_port)
        found = look(town, resolvers=[dead, good])
    assert found.silent == [] and found.spf.valid
    assert found.seconds < 8


def test_when_nobody_answers_it_ends_in_time_and_says_so() -> None:
    with serving(*BASE) as town, dead_port(town.places) as dead:
        started = time.monotonic()
        found = look(town, resolvers=[dead], deadline=1.5)
        assert time.monotonic() - started < 4
    assert {"MX", "SPF", "DMARC", "MTA-STS", "DKIM", "DNSSEC", "name servers"} <= {str(part) for part in found.silent}
    assert found.clear_by is None and found.exists is None
    assert any(line.startswith("?? no answer in time: MX") for line in found.lines())


def test_callers_without_an_event_loop() -> None:
    with serving(*BASE) as town:
        found = assess_domain(D, [(town.resolvers[0].address, town.places.dns_port)])
    assert found.spf.valid and found.mx
    assert found.seconds < 10 and found.name_servers[0].error, "nobody listens on port 53 there, and that is said"


def dnskey(flags: int = 257) -> tuple[str, str]:
    """(DNSKEY, DS) of a fresh key, in presentation format."""
    key = dns.dnssec.make_dnskey(ec.generate_private_key(ec.SECP256R1()).public_key(), "ECDSAP256SHA256", flags=flags)
    return key.to_text(), dns.dnssec.make_ds(dns.name.from_text(D), key, "SHA256").to_text()


def test_dnssec_that_holds_and_that_does_not() -> None:
    (key, ds), (_, other) = dnskey(), dnskey()
    for vouched, valid in ((ds, True), (other, False)):
        signed = [rrset(D, "DNSKEY", 300, key), rrset(D, "DS", 300, vouched)]
        with serving(*BASE, *signed) as town:
            found = look(town)
        assert found.dnssec.valid is valid
        assert ("DNSSEC" in blocking(found)) is not valid
    with serving(*BASE) as town:
        assert look(town).dnssec.valid is None


class Validating(CachingResolver):
    """A resolver for which the chain to contoso.test is broken."""

    async def _resolve(self, query: dns.message.Message) -> dns.message.Message:
        if not query.flags & dns.flags.CD and query.question[0].name.is_subdomain(dns.name.from_text(D)):
            response = dns.message.make_response(query, recursion_available=True)
            response.set_rcode(dns.rcode.SERVFAIL)
            return response
        return await super()._resolve(query)


def test_a_broken_chain_is_named_for_what_it_is() -> None:
    with serving(*BASE) as town:
        port = town.places.dns_port
        upstreams = {".": [(address, port) for address in town.places.name_servers]}
        with Validating(town.places.resolver(9), port, upstreams, HONEST, Faults()):
            found = look(town, resolvers=[(town.places.resolver(9), port)])
    assert "chain is broken" in seen_of(found, "DNSSEC")[0]
    assert "DNSSEC" in blocking(found)
    assert "SERVFAIL" in seen_of(found, "SPF")[0]


@contextmanager
def dead_port(places: Places) -> Iterator[tuple[str, int]]:
    """Takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((places.host(250), places.dns_port))
        yield places.host(250), places.dns_port
