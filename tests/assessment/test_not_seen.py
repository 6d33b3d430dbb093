"""What was not seen is said to be that, and nothing is advised on it: neither "none" nor "good", and no exit of 0."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.output import IN_THE_WAY, NOT_SEEN
from lab.dns.resolver import HONEST, CachingResolver
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.assessment.assess import Assessment, assess
from mailmove.dns.mail_auth.dmarc import DmarcVerdict
from mailmove.dns.mail_auth.mta_sts import MtaStsVerdict
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched
from mailmove.dns.mail_auth.spf_cost import SpfVerdict
from mailmove.dns.mail_auth.tls_rpt import TlsRptVerdict

D = "contoso.test"
ZONE = [
    rrset(D, "MX", 3600, "10 mail.contoso.test."),
    rrset(D, "TXT", 300, '"v=spf1 mx -all"'),
    rrset(f"_dmarc.{D}", "TXT", 300, '"v=DMARC1; p=reject; rua=mailto:x@contoso.test"'),
    rrset("mail.contoso.test", "A", 300, "192.0.2.25"),
]
ADVICE = ("no SPF record", "Anybody may send", "no DMARC record", "no MX records", "no key under", "no such domain")
"""Words that claim that something is not there."""


class Failing(CachingResolver):
    """Answers with one code whatever is asked for; `only`: for these types, and rightly for all others."""

    code, only = dns.rcode.SERVFAIL, frozenset[str]()

    async def _resolve(self, query: dns.message.Message) -> dns.message.Message:
        if self.only and dns.rdatatype.to_text(query.question[0].rdtype) not in self.only:
            return await super()._resolve(query)
        response = dns.message.make_response(query, recursion_available=True)
        response.set_rcode(self.code)
        return response


@contextmanager
def town(**how: Any) -> Iterator[TownDns]:
    faults = how.pop("faults", None) or Faults()
    with TownDns(Places(), kind="rfc2136", zones={}, resolvers=[HONEST], faults=faults, **how) as place:
        place.add_zone(D, ZONE)
        yield place


@contextmanager
def failing(place: TownDns, kind: str) -> Iterator[tuple[str, int]]:
    """A resolver that is silent, or answers `kind`; "TXT SERVFAIL" does so to questions for that type only."""
    address, port = place.places.host(250), place.places.dns_port
    with ExitStack() as stack:
        if kind == "silent":
            taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            taken.bind((address, port))
        elif kind != "unreachable":
            types, _, code = kind.rpartition(" ")
            upstreams = {".": [(each, port) for each in place.places.name_servers]}
            resolver = Failing(address, port, upstreams, HONEST, Faults())
            resolver.code, resolver.only = dns.rcode.from_text(code), frozenset(types.split())
            stack.enter_context(resolver)
        yield address, port


async def no_file(domain: str) -> Fetched:
    return Fetched(error="nothing there")


def look(place: TownDns, resolver: tuple[str, int], **how: Any) -> Assessment:
    return asyncio.run(assess(D, [resolver], dns_port=place.places.dns_port, fetch=no_file, **how))


@pytest.mark.parametrize("kind", ["silent", "unreachable", "SERVFAIL", "REFUSED", "NOTIMP"])
def test_where_nothing_answers_nothing_is_claimed(kind: str) -> None:
    with town() as place, failing(place, kind) as resolver:
        seen = look(place, resolver, deadline=2.0 if kind == "silent" else 9.0)
    text = "\n".join(seen.lines())
    assert not [words for words in ADVICE if words in text], text
    assert not [finding for finding in seen.findings if finding.blocks], text
    assert seen.exists is None and not seen.complete
    for verdict in (seen.spf, seen.dmarc, seen.mta_sts, seen.tls_rpt, seen.dnssec):
        assert verdict.state in ("not asked", "no answer") and verdict.valid is None
        assert str(verdict).startswith(("not asked", "no answer"))
    for line in ("MX", "DKIM", "SPF", "DMARC", "DNSSEC"):
        assert any(said.startswith(f"{line}") and ("no answer" in said or "not asked" in said) for said in seen.lines())
    assert "could not be seen" in seen.verdict and "SPF" in seen.verdict and "MX" in seen.verdict


@pytest.mark.parametrize("kind", ["TXT SERVFAIL", "MX SERVFAIL", "NS SERVFAIL", "DS DNSKEY SERVFAIL", "CAA SERVFAIL"])
def test_what_answers_is_told_and_what_does_not_is_named(kind: str) -> None:
    """A middlebox that knows no TXT, a name server that fails for one type: as they stand in the wild."""
    with town() as place, failing(place, kind) as resolver:
        seen = look(place, resolver)
    text = "\n".join(seen.lines())
    assert not [words for words in ADVICE if words in text and words != "no key under"], text
    assert not [finding for finding in seen.findings if finding.blocks], text
    assert not seen.complete and kind.split()[0].replace("TXT", "SPF").replace("NS", "name") in seen.verdict.replace(
        "DNSSEC", "DS DNSSEC"
    )
    if kind == "TXT SERVFAIL":
        assert seen.mx and "no valid SPF" not in text and "no key under" not in text
    if kind == "NS SERVFAIL":
        assert seen.zone == "" and not seen.name_servers, "the parent's servers are not the domain's"


def test_a_whole_answer_is_complete() -> None:
    with town() as place:
        seen = look(place, (place.resolvers[0].address, place.places.dns_port))
    assert seen.complete and "could not be seen" not in seen.verdict
    assert Assessment.model_validate(json.loads(seen.model_dump_json())) == seen


@pytest.mark.parametrize("kind", ["silent", "unreachable", "SERVFAIL"])
def test_the_command_line_ends_with_a_status_of_its_own(kind: str) -> None:
    with town() as place, failing(place, kind) as (address, port):
        words = ["preflight", "--domain", D, "--resolver", f"{address}:{port}"]
        done = CliRunner().invoke(app, [*words, "--login-url", "https://127.0.0.1:1"])
        as_json = CliRunner().invoke(app, [*words, "--login-url", "https://127.0.0.1:1", "--json"])
    assert done.exit_code == as_json.exit_code == NOT_SEEN, done.output
    assert "could not be seen" in done.output and "Anybody may send" not in done.output
    content = json.loads(as_json.stdout)
    assert content["complete"] is False and content["spf"]["state"] == "no answer"
    assert content["parts"]["MX"] == "no answer" and content["verdict"]


def test_what_stands_in_the_way_for_certain_outweighs_what_was_not_seen() -> None:
    with town() as place, failing(place, "TXT SERVFAIL") as (address, port):
        place.edit(D, rrset(D, "MX", 60, "0 ."))
        words = ["preflight", "--domain", D, "--resolver", f"{address}:{port}", "--login-url", "https://127.0.0.1:1"]
        done = CliRunner().invoke(app, words)
    assert done.exit_code == IN_THE_WAY and "could not be seen" in done.output


@pytest.mark.parametrize("fault", ["dns.timeout", "dns.servfail"])
def test_a_lame_delegation_is_no_good_end(fault: str) -> None:
    faults = Faults()
    with town(faults=faults) as place:
        faults.set(fault)
        words = ["preflight", "--domain", D, "--resolver", place.resolver_addresses[0]]
        done = CliRunner().invoke(app, [*words, "--login-url", "https://127.0.0.1:1"])
    assert done.exit_code == NOT_SEEN, done.output
    assert not [words for words in ADVICE if words in done.output], done.output


def test_where_no_authority_can_be_asked_none_is_blamed() -> None:
    """A network that lets only its own resolver out: every name server is silent from here, and none is blamed."""
    with town() as place, failing(place, "silent") as (_, _port):
        resolver = (place.resolvers[0].address, place.places.dns_port)
        seen = asyncio.run(assess(D, [resolver], dns_port=1, fetch=no_file))
    assert not [finding for finding in seen.findings if finding.subject.startswith("name server ")]
    assert not seen.complete and seen.agree is None and "name servers" in seen.verdict and seen.spf.valid


@pytest.mark.parametrize("verdict", [SpfVerdict(), DmarcVerdict(), MtaStsVerdict(), TlsRptVerdict()])
def test_a_verdict_that_nobody_filled_in_is_not_asked(verdict: SpfVerdict) -> None:
    assert verdict.state == "not asked" and str(verdict) == "not asked"
