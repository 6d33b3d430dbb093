"""Suggestions for after the night: only what is left of the old server, and never done by us."""

from __future__ import annotations

from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth import spf
from mailmove.dns.mail_auth.mta_sts import MtaStsPolicy
from mailmove.dns.zone.cleanup import suggestions
from mailmove.records import zone_of

D = "contoso.test"
OLD = rrset(D, "MX", 60, "10 mail.contoso.test.")
MS = "include:spf.protection.outlook.com"


def test_the_old_server_leaves_its_traces() -> None:
    record = f'"v=spf1 mx ip4:192.0.2.25 ip4:192.0.2.0/24 a:mail.contoso.test a:shop.test {MS} -all"'
    zone = zone_of(
        [
            rrset(D, "MX", 60, "0 contoso-test.q-v1.mx.microsoft."),
            rrset(D, "TXT", 60, record),
            rrset("mail.contoso.test", "A", 60, "192.0.2.25"),
            rrset("_25._tcp.mail.contoso.test", "TLSA", 60, "3 1 1 " + "ab" * 32),
        ]
    )
    policy = MtaStsPolicy(mode="enforce", mx=("mail.contoso.test", "*.q-v1.mx.microsoft"), max_age=86400)
    found = {one.subject.split()[0]: one for one in suggestions(zone, D, OLD, policy=policy)}
    assert set(found) == {"SPF", "MTA-STS", "DANE", "old"}
    assert f'"v=spf1 mx ip4:192.0.2.0/24 a:shop.test {MS} -all"' in found["SPF"].todo
    assert "mx: contoso-test.q-v1.mx.microsoft | max_age" in found["MTA-STS"].todo
    assert not any(one.blocks for one in found.values())


def test_a_tidy_zone_needs_nothing() -> None:
    new = rrset(D, "MX", 60, "0 contoso-test.q-v1.mx.microsoft.")
    zone = zone_of([new, rrset(D, "TXT", 60, f'"v=spf1 {MS} -all"')])
    assert suggestions(zone, D, OLD) == []


def test_what_the_switch_will_add_is_counted_beforehand() -> None:
    assert spf.added_by_switch("v=spf1 mx -all", ["mail.contoso.test."], D) == 2
    assert spf.added_by_switch(f"v=spf1 mx a:mail.contoso.test {MS} -all", ["mail.contoso.test."], D) == 0
    assert spf.added_by_switch("v=spf1 ip4:192.0.2.1 -all", ["mail.contoso.test."], D) == 1
