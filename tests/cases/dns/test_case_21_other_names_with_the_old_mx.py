"""`* MX`, `shop MX` to the old server: named before and after. Source: tinydnssec 4, govuk-dns 32, RFC 4592."""

from __future__ import annotations

import pytest
from zone_world import ASKED, PLAIN, ZONE, zone_world

from lab.dns.zone_data import rrset
from mailmove.dns.zone.cleanup import suggestions
from mailmove.dns.zone.desired import switch_changes
from mailmove.dns.zone.findings import findings
from mailmove.records import RRset, zone_of

OTHERS = {
    "wildcard": [rrset(f"*.{ZONE}", "MX", 3600, f"10 mail.{ZONE}")],
    "by name": [rrset(f"shop.{ZONE}", "MX", 3600, f"10 mail.{ZONE}")],
    "second preference": [rrset(f"shop.{ZONE}", "MX", 3600, "10 filter.example.", f"20 MAIL.{ZONE}")],
    "by another name of the host": [
        rrset(f"shop.{ZONE}", "MX", 3600, f"10 mx2.{ZONE}"),
        rrset(f"mx2.{ZONE}", "A", 3600, "192.0.2.25"),
    ],
    "by an alias": [
        rrset(f"a.b.{ZONE}", "MX", 3600, f"10 mx3.{ZONE}"),
        rrset(f"mx3.{ZONE}", "CNAME", 3600, f"mail.{ZONE}"),
    ],
}
ELSEWHERE = rrset(f"lists.{ZONE}", "MX", 3600, "10 mx.lists.example.")


@pytest.mark.parametrize("how", sorted(OTHERS))
def test_named_before_and_after(how: str) -> None:
    owner = OTHERS[how][0].name
    zone = zone_of([*PLAIN, *OTHERS[how], ELSEWHERE])
    before = {finding.subject: finding for finding in findings(zone, "kunde.example")}
    assert f"MX {owner}" in before and not before[f"MX {owner}"].blocks and "port 25" in before[f"MX {owner}"].means
    assert f"MX {ELSEWHERE.name}" not in before
    changes = switch_changes(zone, "kunde.example", ASKED)
    assert owner not in {change.key[0] for change in changes}, "it is not ours to change"
    after = {**zone, **{change.key: change.after for change in changes if change.after}}
    suggested = {finding.subject for finding in suggestions(after, "kunde.example", PLAIN[0])}
    assert f"MX {owner}" in suggested and f"MX {ELSEWHERE.name}" not in suggested


def test_the_old_server_s_address_tells_where_its_name_is_in_another_zone() -> None:
    old = rrset(ZONE, "MX", 3600, "10 mail.isp.example.")
    shop = [rrset(f"shop.{ZONE}", "MX", 3600, f"10 in.{ZONE}"), rrset(f"in.{ZONE}", "A", 3600, "192.0.2.25")]
    zone = zone_of([ASKED[0], *shop])
    assert f"MX shop.{ZONE}" in {f.subject for f in suggestions(zone, ZONE, old, old_addresses=["192.0.2.25"])}


def test_a_domain_that_moves_too_is_not_named() -> None:
    zone = zone_of([*PLAIN, *OTHERS["by name"]])
    assert f"MX shop.{ZONE}" not in {f.subject for f in findings(zone, ZONE, moving=["shop.kunde.example"])}


@pytest.mark.parametrize("wildcard", [True, False])
def test_where_the_zone_cannot_be_transferred_what_can_be_asked_is_asked_and_the_rest_said(wildcard: bool) -> None:
    sets: list[RRset] = [*PLAIN, *OTHERS["by name"], *(OTHERS["wildcard"] if wildcard else [])]
    with zone_world(sets, faults=["dns.transfer_refused"]) as world:
        for provider in (world.by_hand, world.by_update):
            subjects = {finding.subject for finding in findings(provider.read_zone(ZONE), ZONE)}
            assert f"other names in {ZONE}" in subjects
            assert f"MX news.{ZONE}" not in subjects, "only the wildcard answers for it"
            assert (f"MX *.{ZONE}" in subjects) == wildcard
            assert f"MX shop.{ZONE}" in subjects
    with zone_world(sets) as world:
        assert f"other names in {ZONE}" not in {f.subject for f in findings(world.by_update.read_zone(ZONE), ZONE)}
