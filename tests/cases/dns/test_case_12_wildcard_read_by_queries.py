"""A wildcard answers for names that do not exist (RFC 4592). Source: Internet.nl 1025, tinydnssec 4."""

from __future__ import annotations

import pytest
from zone_world import ASKED, PLAIN, ZONE, ZoneWorld, zone_world

from blocks.dns.manual import Manual
from blocks.dns.rfc2136 import Rfc2136
from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth.dkim import dkim_changes
from mailmove.dns.zone.desired import switch_changes
from mailmove.dns.zone.manual_entry import typing_lines
from mailmove.errors import ByHand
from mailmove.records import RRset

DKIM = [
    rrset(
        f"selector{n}._domainkey.{ZONE}", "CNAME", 3600, f"selector{n}-kunde-example._domainkey.kunde.onmicrosoft.com."
    )
    for n in (1, 2)
]
WILDCARDS = {
    "CNAME": [rrset(f"*.{ZONE}", "CNAME", 3600, f"web.{ZONE}")],
    "A and AAAA": [rrset(f"*.{ZONE}", "A", 3600, "192.0.2.80"), rrset(f"*.{ZONE}", "AAAA", 3600, "2001:db8::80")],
    "TXT": [rrset(f"*.{ZONE}", "TXT", 3600, '"v=spf1 -all"')],
}


def provider_of(world: ZoneWorld, how: str) -> Manual | Rfc2136:
    return world.by_hand if how == "by hand" else world.by_update


@pytest.mark.parametrize("how", ["by hand", "by update"])
@pytest.mark.parametrize("wildcard", sorted(WILDCARDS))
def test_what_stands_there_only_by_the_wildcard_is_not_there(how: str, wildcard: str) -> None:
    with zone_world([*PLAIN, *WILDCARDS[wildcard]], faults=["dns.transfer_refused"]) as world:
        provider = provider_of(world, how)
        zone = provider.read_zone(ZONE)
        below = {name for name, _ in zone} - {ZONE, f"*.{ZONE}"}
        assert below == set()
        assert [change.before for change in dkim_changes(zone, DKIM)] == [None, None]
        changes = switch_changes(zone, ZONE.rstrip("."), ASKED)
        assert [line for line in typing_lines(changes) if line.startswith("add CNAME autodiscover.")]
        if how == "by hand":
            with pytest.raises(ByHand):
                provider.apply(ZONE, changes)
        else:
            provider.apply(ZONE, changes)
            assert provider.read_zone(ZONE)[f"autodiscover.{ZONE}", "CNAME"].values == ("autodiscover.outlook.com.",)
            provider.apply(ZONE, [change.inverse() for change in changes])
            assert (f"autodiscover.{ZONE}", "CNAME") not in world.town.zone(ZONE)


@pytest.mark.parametrize("how", ["by hand", "by update"])
@pytest.mark.parametrize(
    "explicit",
    [
        rrset(f"autodiscover.{ZONE}", "CNAME", 3600, "autodiscover.other.example."),
        rrset(f"autodiscover.{ZONE}", "CNAME", 3600, f"web.{ZONE}"),
    ],
    ids=["another value", "the wildcard's own value"],
)
def test_what_stands_there_by_itself_beside_a_wildcard_is_there(how: str, explicit: RRset) -> None:
    with zone_world([*PLAIN, *WILDCARDS["CNAME"], explicit], faults=["dns.transfer_refused"]) as world:
        zone = provider_of(world, how).read_zone(ZONE)
        assert zone[explicit.key].values == explicit.values
        assert (f"_dmarc.{ZONE}", "CNAME") not in zone
        if how == "by update":
            world.by_update.apply(ZONE, switch_changes(zone, ZONE.rstrip("."), ASKED))


def test_the_lab_s_own_wildcards_are_seen_through() -> None:
    with zone_world(faults=["dns.transfer_refused", "dns.wildcard_cname"]) as world:
        assert not [key for key in world.by_update.read_zone(ZONE) if key[1] == "CNAME" and key[0] != f"*.{ZONE}"]
