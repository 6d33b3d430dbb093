"""Keys that may do a part only, at real servers: what preflight says is what the night would meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dns_town import CONTENT
from dns_worlds import World, keyed, real_world
from real_authorities import KEY, Authorities
from real_signing import KEYS, allow, knot, signing_bind, signing_powerdns

from lab.dns.zone_data import rrset
from mailmove.errors import Blocked, Refused
from mailmove.records import AskedZone, RRsetChange

WRONG = ("unknown.", KEY[1], KEY[2])
Serves = Callable[[str], World]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Authorities]]:
    folder = tmp_path_factory.mktemp
    with (
        signing_bind(folder("bind"), "", zones=6) as bind,
        knot(folder("knot"), signed=False, zones=6) as plain,
        signing_powerdns(home := folder("powerdns")) as powerdns,
    ):
        yield {"bind": bind, "knot": plain, "powerdns": _with_update_only(powerdns, home)}


def _with_update_only(authorities: Authorities, home: Path) -> Authorities:
    add = authorities.add

    def added(zone: str) -> None:
        add(zone)
        allow(home, zone, KEYS["update-only"])

    authorities.add = added
    return authorities


@pytest.mark.parametrize("kind", ["bind", "knot", "powerdns"])
def test_a_key_that_may_update_and_not_transfer_reads_by_questions_and_switches(
    servers: dict[str, Authorities], kind: str
) -> None:
    world = real_world(kind, servers[kind], "rfc2136")
    provider, mx = keyed(servers[kind], KEYS["update-only"]), world.here(CONTENT[0])
    held, serial = provider.read_zone(world.zone), world.held()[world.zone, "SOA"]
    assert isinstance(held, AskedZone) and held[mx.key] == mx
    assert not [one for one in provider.zone_findings(world.zone) if one.blocks]
    assert not [one for one in keyed(servers[kind], KEY).zone_findings(world.zone) if one.blocks]
    assert world.held()[world.zone, "SOA"] == serial, "a trial changes nothing, not even the serial"
    provider.apply(world.zone, [RRsetChange(before=mx, after=mx.model_copy(update={"ttl": 60}))])
    assert world.picture()[mx.key].ttl == 60


@pytest.mark.parametrize("kind", ["bind", "knot"])
@pytest.mark.parametrize(("scope", "may"), [("acme-only", "_acme-challenge"), ("mx-only", "MX")])
def test_a_restricted_key_is_named_with_what_it_may_not_change(
    servers: dict[str, Authorities], kind: str, scope: str, may: str
) -> None:
    world = real_world(kind, servers[kind], "rfc2136")
    provider, before = keyed(servers[kind], KEYS[scope]), world.held()
    (finding,) = provider.zone_findings(world.zone, also=[(f"_acme-challenge.mail.{world.zone}", "TXT")])
    assert finding.blocks and f"TXT {world.zone}" in finding.seen and "CNAME autodiscover." in finding.seen
    assert ("MX " in finding.seen) is (may != "MX")
    assert world.held() == before


@pytest.mark.parametrize("kind", ["bind", "knot", "powerdns"])
def test_a_key_that_nobody_knows_is_refused_before_the_night(servers: dict[str, Authorities], kind: str) -> None:
    world = real_world(kind, servers[kind], "rfc2136")
    provider = keyed(servers[kind], WRONG)
    assert any(one.blocks for one in provider.zone_findings(world.zone))
    with pytest.raises(Refused):
        provider.read_zone(world.zone)
    assert keyed(servers[kind], KEY).findings() == [], "the right one is not"


@pytest.mark.parametrize("kind", ["bind", "knot", "powerdns"])
def test_a_mail_domain_inside_a_larger_zone_is_read_tried_and_changed(
    servers: dict[str, Authorities], kind: str
) -> None:
    world = real_world(kind, servers[kind], "rfc2136")
    provider, domain = keyed(servers[kind], KEY), f"shop.{world.zone}"
    mx = rrset(domain, "MX", 600, f"10 mail.{world.zone}")
    world.edit(mx)
    for key in (KEY, KEYS["update-only"]):
        assert keyed(servers[kind], key).read_zone(domain)[mx.key] == mx
    assert not [one for one in provider.zone_findings(domain) if one.blocks]
    provider.apply(domain, [RRsetChange(before=mx, after=mx.model_copy(update={"ttl": 60}))])
    assert world.picture()[mx.key].ttl == 60
    world.edit(rrset(f"given.{world.zone}", "NS", 600, "ns.elsewhere.invalid."))
    with pytest.raises(Blocked):
        provider.read_zone(f"given.{world.zone}")
