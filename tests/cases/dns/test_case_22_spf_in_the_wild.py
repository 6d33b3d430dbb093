"""SPF as people write it: kept as it is, and what is mistaken is said.

Source: checkdmarc 42, 134 and 211, trustymail 39, pyspf 44.
"""

from __future__ import annotations

import pytest
from zone_world import ASKED, ZONE

from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth import spf
from mailmove.dns.zone.desired import switched
from mailmove.dns.zone.findings import findings
from mailmove.records import Zone, zone_of

MERGED = {
    "v=spf1 mx Include:spf.protection.outlook.com -all": "v=spf1 mx Include:spf.protection.outlook.com {mx} -all",
    "v=SPF1 MX IP4:192.0.2.1 -ALL": "v=SPF1 MX IP4:192.0.2.1 {mx} {ms} -ALL",
    "v=spf1 mx:KUNDE.example. ~all": "v=spf1 mx:KUNDE.example. {mx} {ms} ~all",
    "v=spf1 +mx/24 ?all": "v=spf1 +mx/24 {mx}/24 {ms} ?all",
    "v=spf1  a   mx  ~all ": "v=spf1 a mx {mx} {ms} ~all",
    "v=spf1 redirect=_spf.host.example": "v=spf1 {ms} redirect=_spf.host.example",
    "v=spf1 mx -all include:later.example": "v=spf1 mx {mx} {ms} -all include:later.example",
    "v=spf1 include=x.example mx -all": "v=spf1 include=x.example mx {mx} {ms} -all",
    "v=spf1 all=x mx -all": "v=spf1 all=x mx {mx} {ms} -all",
    "v=spf1 ptr exists:%{i}._spf.example mx exp=why.example -all": (
        "v=spf1 ptr exists:%{i}._spf.example mx exp=why.example {mx} {ms} -all"
    ),
    "v=spf1 -mx ip4:192.0.2.25 -all": "v=spf1 -mx ip4:192.0.2.25 {ms} -all",
}


def zone_with(text: str) -> Zone:
    return zone_of(
        [rrset(ZONE, "MX", 3600, f"10 mail.{ZONE}"), rrset(ZONE, "TXT", 3600, spf.value_of(text), '"MS=ms1"')]
    )


@pytest.mark.parametrize("text", sorted(MERGED))
def test_the_spelling_is_kept_and_both_may_send(text: str) -> None:
    [txt] = [each for each in switched(zone_with(text), ZONE, ASKED) if each.type == "TXT"]
    wanted = MERGED[text].replace("{mx}", "a:mail.kunde.example").replace("{ms}", "include:spf.protection.outlook.com")
    assert sorted(map(spf.text_of, txt.values)) == sorted(["MS=ms1", wanted])


@pytest.mark.parametrize(
    "word", ["include=x.example", "a=x.example", "mx=x", "ip4=192.0.2.1", "all=", "INCLUDE=x.example"]
)
def test_a_mechanism_with_an_equals_sign_is_a_fault(word: str) -> None:
    text = f"v=spf1 {word} mx -all"
    [fault] = spf.faults(text)
    assert word in fault
    assert spf.lookups(text) == 1, "only mx costs one: no receiver looks that word up"
    assert any(fault == finding.seen for finding in findings(zone_with(text), ZONE))


@pytest.mark.parametrize("text", ["v=spf1 mx -all", "v=spf1 redirect=_spf.x", "v=spf1 exp=a.b x-own=1 -all"])
def test_what_receivers_read_is_none(text: str) -> None:
    assert spf.faults(text) == []
