"""A zone that is on its way to other name servers is not edited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from dns_town import ZONE, Towns
from dns_worlds import content, served_at
from eventually import eventually
from real_authorities import bind

from lab.dns.authoritative import AuthoritativeServer
from lab.dns.resolver import HONEST
from lab.dns.town_dns import NAME_SERVERS, TownDns
from lab.dns.zone_data import ZoneData, rrset
from lab.faults import Faults
from mailmove.dns.client.query import ask
from mailmove.dns.zone.guards import _referral, beyond_plan, delegation_findings
from mailmove.dns.zone.mail_record_names import changed_by_move
from mailmove.evidence import Finding


def findings(place: TownDns) -> list[Finding]:
    port = place.places.dns_port
    resolvers = [(one.address, one.port) for one in place.resolvers]
    return asyncio.run(delegation_findings(ZONE, place.zone(ZONE), resolvers, port, timeout=1.0))


def test_a_zone_at_rest_has_no_findings(town: Towns) -> None:
    assert findings(town(resolvers=(HONEST,))) == []


def test_name_servers_that_do_not_agree_on_who_they_are_block(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST,))
    assert eventually(lambda: not findings(place))
    faults.set("dns.secondary_stuck")
    place.edit(ZONE, rrset(ZONE, "NS", 3600, *NAME_SERVERS, "ns1.new-provider.example."))
    blocking = [one for one in findings(place) if one.blocks]
    assert blocking and "ns1.new-provider.example." in blocking[0].seen and "ns2.lab-dns.example." in blocking[0].seen


@pytest.fixture
def moving(town: Towns, faults: Faults) -> Iterator[TownDns]:
    """The parent zone has servers of its own, and they delegate to a new provider already."""
    place = town(resolvers=(HONEST,))
    parent = place.places.host(13)
    place._data.put("test.", rrset("test.", "NS", 3600, "ns.registry.lab-dns.example."))
    place._data.put("lab-dns.example.", rrset("ns.registry.lab-dns.example.", "A", 3600, parent))
    both = [(address, place.places.dns_port) for address in place.places.name_servers]
    address = ("ns.registry.lab-dns.example.", "A")
    assert eventually(lambda: all(served_at(server, address) for server in both)), "before any resolver has asked"
    delegation = rrset(ZONE, "NS", 172800, "ns1.new-provider.example.", "ns2.new-provider.example.")
    zones = ZoneData({"test.": [rrset("test.", "NS", 3600, "ns.registry.lab-dns.example."), delegation]})
    with AuthoritativeServer(parent, place.places.dns_port, zones, {}, faults):
        yield place


def test_a_parent_that_delegates_elsewhere_blocks(moving: TownDns) -> None:
    (found,) = findings(moving)
    assert found.blocks
    assert "the parent delegates to ns1.new-provider.example., ns2.new-provider.example." in found.seen
    assert "48 h" in found.todo


def test_a_copy_that_nobody_serves_blocks(town: Towns) -> None:
    place = town(resolvers=(HONEST,))
    copy = {**place.zone(ZONE), (ZONE, "NS"): rrset(ZONE, "NS", 3600, "ns-7.awsdns-01.example.")}
    resolvers = [(one.address, one.port) for one in place.resolvers]
    (found,) = asyncio.run(delegation_findings(ZONE, copy, resolvers, place.places.dns_port, timeout=1.0))
    assert found.blocks and "editing it would change nothing" in found.means


def test_what_cannot_be_asked_is_said_and_does_not_block(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST,))
    faults.set("dns.timeout")
    (found,) = findings(place)
    assert not found.blocks and "by hand" in found.todo


def test_a_referral_of_a_real_parent_is_read(tmp_path: Path) -> None:
    with bind(tmp_path, zones=1) as authorities:
        parent = authorities.fresh_zone(content)
        child, (address, port) = f"child.{parent}", authorities.servers[0]
        authorities.put(parent, rrset(child, "NS", 3600, "ns1.elsewhere.invalid.", "NS2.elsewhere.invalid."))
        answer = asyncio.run(ask((address, port), child, "NS", recursive=False))
        assert not answer.authoritative, "BIND refers to the child's servers"
        assert asyncio.run(_referral(address, child, port, 3.0)) == {"ns1.elsewhere.invalid.", "ns2.elsewhere.invalid."}


def test_more_changes_than_planned_are_named_and_counted() -> None:
    allowed = changed_by_move(ZONE)
    assert beyond_plan(ZONE, allowed, [(ZONE, "MX"), (ZONE, "TXT"), (f"autodiscover.{ZONE}", "CNAME")]) is None
    found = beyond_plan(ZONE, [(ZONE, "MX")], [(ZONE, "MX"), (ZONE, "NS"), (f"www.{ZONE}", "A")])
    assert found and found.blocks
    assert found.seen == f"3 record sets would change where 1 may: also NS {ZONE}, A www.{ZONE}"
    assert beyond_plan(ZONE, allowed, [(ZONE, "NS")]) and beyond_plan(ZONE, allowed, [(ZONE, "A")])
