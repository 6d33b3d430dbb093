"""What says the same is the same: texts cut elsewhere, capitals, no last dot.

Source: octodns 127 and 1089, octodns-bind 20.
"""

from __future__ import annotations

import asyncio

import pytest
from zone_world import ASKED, PLAIN, ZONE, settled, zone_world

from lab.dns.zone_data import rrset
from mailmove.dns.canonical import same
from mailmove.dns.propagation.measure import sweep
from mailmove.dns.zone.authority import ask_authorities, authorities, disagreements
from mailmove.dns.zone.desired import switch_changes
from mailmove.dns.zone.domain_proof import with_verification
from mailmove.errors import Drifted
from mailmove.evidence import Preview
from mailmove.records import RRset, difference, zone_of
from tasks.dns.zone_changes import change_of

LONG = "v=spf1 mx " + " ".join(f"ip4:198.51.100.{n}" for n in range(10, 32)) + " -all"
SETS = [
    *[each for each in PLAIN if each.type != "TXT"],
    rrset(ZONE, "TXT", 3600, f'"{LONG[:200]}" "{LONG[200:]}"', '"MS=ms1234567"'),
    rrset(f"autodiscover.{ZONE}", "CNAME", 3600, f"mail.{ZONE}"),
]
SPELLINGS = {
    "TXT": [
        f'"{LONG[:200]}" "{LONG[200:]}"',
        LONG,
        f'"{LONG}"',
        " ".join(f'"{letter}"' for letter in LONG),
        f'"{LONG[:255]}" "{LONG[255:]}"',
    ],
    "MX": ["10 mail.kunde.example.", "010 mail.kunde.example", "10 MAIL.Kunde.Example.", "10   mail.kunde.example"],
    "CNAME": ["autodiscover.outlook.com", "AUTODISCOVER.outlook.com."],
    "SRV": ["0 0 443 mail.kunde.example.", "00 0 0443 Mail.kunde.example"],
    "AAAA": ["2001:db8::1", "2001:0DB8:0:0::1"],
}


@pytest.mark.parametrize("rtype", sorted(SPELLINGS))
def test_every_spelling_of_a_value_is_one_record(rtype: str) -> None:
    sets = [RRset(name="KUNDE.example", type=rtype, ttl=60, values=(value,)) for value in SPELLINGS[rtype]]
    for each in sets:
        assert each == sets[0] and same(each, sets[0])
        assert difference(zone_of([each]), [sets[0]]) == []
    first, last = sets[0].model_copy(update={"ttl": 1}), sets[-1].model_copy(update={"ttl": 1})
    assert Preview(stage="a", changes=[change_of(c) for c in difference({}, [first])]).digest == (
        Preview(stage="a", changes=[change_of(c) for c in difference({}, [last])]).digest
    ), "an approval of one is an approval of the other"


@pytest.mark.parametrize("rtype", ["TXT", "MX"])
def test_another_value_is_another_record(rtype: str) -> None:
    other = {
        "TXT": (f'"{LONG[:200]}" " {LONG[200:]}"', LONG.upper()),
        "MX": ("11 mail.kunde.example.", "10 mail.kunde."),
    }
    for value in other[rtype]:
        here = RRset(name=ZONE, type=rtype, ttl=60, values=(SPELLINGS[rtype][0],))
        assert RRset(name=ZONE, type=rtype, ttl=60, values=(value,)) != here


def test_a_proof_that_stands_there_without_quotes_is_not_added_again() -> None:
    zone = zone_of([RRset(name=ZONE, type="TXT", ttl=60, values=("MS=ms1234567", "v=spf1 mx -all"))])
    asked = [RRset(name=ZONE, type="TXT", ttl=60, values=('"MS=ms1234567"',))]
    assert difference(zone, with_verification(zone, asked)) == []


@pytest.mark.parametrize("fault", ["dns.txt_cut_elsewhere", "dns.names_in_capitals"])
@pytest.mark.parametrize("transfer", [True, False])
def test_a_server_that_spells_otherwise_is_switched_verified_and_rolled_back(fault: str, transfer: bool) -> None:
    with zone_world(SETS, faults=[fault, *([] if transfer else ["dns.transfer_refused"])]) as world:
        provider, before = world.by_update, world.town.picture()
        changes = switch_changes(provider.read_zone(ZONE), ZONE.rstrip("."), ASKED)
        provider.apply(ZONE, changes)
        provider.apply(ZONE, changes)
        assert settled(lambda: world.by_hand.apply(ZONE, changes)) is None, "typed by a person, it would be seen"

        async def late() -> list[str]:
            servers = await authorities(ZONE, world.resolvers, world.port)
            sentences = []
            for change in changes:
                answers = await ask_authorities(servers, *change.key, dns_port=world.port)
                sentences += disagreements(answers, change.after)
                seen = await sweep(change.before, change.after, servers, [], dns_port=world.port)
                sentences += [str(view) for view in seen.authorities if view.sees != "new"]
            return sentences

        assert asyncio.run(late()) == []
        provider.apply(ZONE, [change.inverse() for change in changes])
        assert world.town.picture() == before


def test_route_53_keeps_values_as_somebody_typed_them() -> None:
    with zone_world(SETS, kind="route53", faults=["route53.other_spelling"]) as world:
        provider, before = world.by_route53, world.town.picture()
        zone = provider.read_zone(ZONE)
        assert zone[ZONE, "MX"] == SETS[0]
        changes = switch_changes(zone, ZONE.rstrip("."), ASKED)
        provider.apply(ZONE, changes)
        provider.apply(ZONE, changes)
        provider.apply(ZONE, [change.inverse() for change in changes])
        assert world.town.picture() == before


def test_what_somebody_else_changed_is_still_drifted() -> None:
    with zone_world(SETS, faults=["dns.txt_cut_elsewhere"]) as world:
        changes = switch_changes(world.by_update.read_zone(ZONE), ZONE.rstrip("."), ASKED)
        world.town.edit(ZONE, rrset(ZONE, "TXT", 3600, f'"{LONG} "'))
        with pytest.raises(Drifted):
            world.by_update.apply(ZONE, changes)
