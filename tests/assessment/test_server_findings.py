"""What preflight says of name servers: what the cutover will ask them later is asked before it begins."""

from __future__ import annotations

import pytest

from mailmove.dns.client.answer import Answer
from mailmove.dns.zone.authority import Authority
from mailmove.dns.zone.server_findings import differing_findings, lame_findings

SERVERS = [Authority("ns1.a.test.", "198.51.100.1"), Authority("ns2.a.test.", "198.51.100.2")]
SOA = "ns1.a.test. host.a.test. {} 3600 600 86400 60"


def answers(rtype: str, *given: str | None) -> list[Answer]:
    """One of each server; None: it is silent; "": no such records."""
    return [
        Answer(server=f"{server.address}:53", name="a.test.", type=rtype, error="timeout")
        if value is None
        else Answer(server=f"{server.address}:53", name="a.test.", type=rtype, rcode="NOERROR",
                    values=(value,) if value else (), authoritative=True)
        for server, value in zip(SERVERS, given, strict=True)
    ]  # fmt: skip


def test_one_that_is_silent_is_left_out_by_rule_and_named() -> None:
    [finding] = lame_findings(SERVERS, answers("SOA", SOA.format(1), None))
    assert finding.subject == "name server ns2.a.test. 198.51.100.2" and "goes by the other" in finding.means


def test_where_all_are_silent_nobody_is_said_to_be_left_out() -> None:
    [finding] = lame_findings(SERVERS, answers("SOA", None, None))
    assert "none of 2 answers" in finding.seen and "goes by the other" not in finding.means
    assert "ns1.a.test." in finding.seen and "ns2.a.test." in finding.seen


@pytest.mark.parametrize(
    ("rtype", "first", "second", "words"),
    [
        ("SOA", SOA.format(7), SOA.format(6), "ns2.a.test. 198.51.100.2 has 6"),
        ("MX", "10 a.a.test.", "10 b.a.test.", "has 10 b.a.test."),
        ("TXT", '"v=spf1 mx -all"', "", "has none"),
    ],
)
def test_servers_that_differ(rtype: str, first: str, second: str, words: str) -> None:
    [finding] = differing_findings(SERVERS, answers(rtype, first, second))
    assert words in finding.seen and "ns1.a.test." in finding.seen and not finding.blocks


@pytest.mark.parametrize(
    ("rtype", "first", "second"),
    [
        ("MX", "10 a.a.test.", "10 a.a.test."),
        ("MX", "10 a.a.test.", None),
        ("MX", None, None),
        ("SOA", SOA.format(7), SOA.format(7).replace("host", "other")),
    ],
)
def test_servers_that_agree_or_are_silent_do_not_differ(rtype: str, first: str | None, second: str | None) -> None:
    assert differing_findings(SERVERS, answers(rtype, first, second)) == []
