"""One suite that every DNS provider passes: in the lab, at BIND, at PowerDNS, by octoDNS and by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from dns_town import CONTENT, ZONE, Towns
from dns_worlds import KINDS, Typist, World, lab_world, octo, real_world
from eventually import eventually
from pydantic import SecretStr
from real_authorities import Authorities, bind, powerdns
from real_signing import knot, signing_bind, signing_powerdns

from blocks.dns.octodns import OctoDns
from blocks.dns.rfc2136 import Rfc2136
from lab.dns.zone_data import rrset
from mailmove.dns.canonical import canonical
from mailmove.errors import Blocked, Drifted, Refused, TtlRaised
from mailmove.records import RRset, RRsetChange, zone_of

Worlds = Callable[[str], World]
MX_AFTER = rrset(ZONE, "MX", 60, "0 contoso-test.j-v1.mx.microsoft.")
_SPF = '"v=spf1 mx include:spf.test -all"'
SWITCH = [
    RRsetChange(before=CONTENT[0], after=MX_AFTER),
    RRsetChange(before=CONTENT[1], after=rrset(ZONE, "TXT", 600, _SPF, *CONTENT[1].values[:2])),
    RRsetChange(before=None, after=rrset(f"autodiscover.{ZONE}", "CNAME", 300, "autodiscover.outlook.com.")),
    RRsetChange(before=CONTENT[3], after=None),
    RRsetChange(before=None, after=rrset(f"_smtp._tls.{ZONE}", "TXT", 60, '"v=TLSRPTv1; rua=mailto:a@b.test"')),
]
"""A and CNAME change places; of the TXT values two stay, among them one with a quote and one beyond ASCII."""


@pytest.fixture(scope="module")
def real_bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with bind(tmp_path_factory.mktemp("bind")) as authorities:
        yield authorities


@pytest.fixture(scope="module")
def real_powerdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with powerdns(tmp_path_factory.mktemp("powerdns")) as authorities:
        yield authorities


@pytest.fixture(scope="module")
def real_bindinline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with signing_bind(tmp_path_factory.mktemp("bindinline"), "inline") as authorities:
        yield authorities


@pytest.fixture(scope="module")
def real_binddynamic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with signing_bind(tmp_path_factory.mktemp("binddynamic"), "dynamic") as authorities:
        yield authorities


@pytest.fixture(scope="module")
def real_knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with knot(tmp_path_factory.mktemp("knot"), signed=False) as authorities:
        yield authorities


@pytest.fixture(scope="module")
def real_knotsigned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with knot(tmp_path_factory.mktemp("knotsigned"), signed=True) as authorities:
        yield authorities


@pytest.fixture(scope="module")
def real_powerdnssigned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    with signing_powerdns(tmp_path_factory.mktemp("powerdnssigned")) as authorities:
        yield authorities


@pytest.fixture
def worlds(town: Towns, request: pytest.FixtureRequest) -> Worlds:
    def world(kind: str) -> World:
        where, _, wire = kind.partition("-")
        if where == "lab":
            return lab_world(wire, town)
        return real_world(where, request.getfixturevalue(f"real_{where}"), wire)

    return world


def switch_in(world: World) -> list[RRsetChange]:
    return [
        RRsetChange(before=one.before and world.here(one.before), after=one.after and world.here(one.after))
        for one in SWITCH
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_reads_every_set_that_a_move_needs_as_it_is_served(worlds: Worlds, kind: str) -> None:
    world = worlds(kind)
    held = world.provider.read_zone(world.zone)
    for one in (world.here(CONTENT[0]), world.here(CONTENT[1]), world.here(CONTENT[3])):
        assert held[one.key] == canonical(one)
    others = {key: one for key, one in held.items() if key[1] not in ("SOA", "NS")}
    assert others.items() <= {**world.picture(), **zone_of(canonical(one) for one in world.picture().values())}.items()


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_set_is_read_back_at_every_authority_and_made_once(worlds: Worlds, kind: str) -> None:
    world = worlds(kind)
    changes = switch_in(world)
    world.provider.apply(world.zone, changes)
    for one in changes:
        wanted = one.after and canonical(one.after)
        assert eventually(lambda key=one.key, wanted=wanted: set(world.served(key)) == {wanted}), world.served(one.key)
    touched = {one.key for one in changes}
    untouched = {one.key: canonical(one) for one in map(world.here, CONTENT) if one.key not in touched}
    assert untouched.items() <= world.picture().items()
    serial = world.held()[world.zone, "SOA"]
    world.provider.apply(world.zone, changes)
    assert world.held()[world.zone, "SOA"] == serial, "the second time there is nothing to do"


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollback_gives_the_very_same_records(worlds: Worlds, kind: str) -> None:
    world = worlds(kind)
    before, changes = world.picture(), switch_in(world)
    world.provider.apply(world.zone, changes)
    assert world.picture() != before
    world.provider.apply(world.zone, [one.inverse() for one in reversed(changes)])
    assert world.picture() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edit", ["value", "TTL"])
def test_an_edit_since_the_preview_is_drifted_and_nothing_is_changed(worlds: Worlds, kind: str, edit: str) -> None:
    world = worlds(kind)
    mx = world.here(CONTENT[0])
    other = {"values": ("10 elsewhere.invalid.",)} if edit == "value" else {"ttl": 7200}
    world.edit(mx.model_copy(update=other))
    assert eventually(lambda: len(set(world.served(mx.key))) == 1)
    before = world.picture()
    with pytest.raises(Drifted, match="Nothing was changed"):
        world.provider.apply(world.zone, switch_in(world))
    assert world.picture() == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "lab-manual"])
@pytest.mark.parametrize("edit", ["value", "TTL", "other record"])
def test_an_edit_between_look_and_act_is_never_overwritten(
    worlds: Worlds, kind: str, edit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds(kind)
    mx = world.here(CONTENT[0])
    strangers = {
        "value": mx.model_copy(update={"values": ("10 elsewhere.invalid.",)}),
        "TTL": mx.model_copy(update={"ttl": 7200}),
        "other record": rrset(f"www.{world.zone}", "A", 60, "192.0.2.99"),
    }
    stranger = strangers[edit]
    method = {"route53": "_change", "rfc2136": "_update", "octodns": "_write"}[kind.partition("-")[2]]
    act, late = getattr(type(world.provider), method), []

    def edited_meanwhile(self: object, *args: object) -> None:
        if not late:
            late.append(world.edit(stranger))
        act(self, *args)

    monkeypatch.setattr(type(world.provider), method, edited_meanwhile)
    if edit == "other record":
        world.provider.apply(world.zone, switch_in(world))
        assert world.picture()[(world.zone, "MX")] == world.here(MX_AFTER)
    else:
        with pytest.raises(Drifted):
            world.provider.apply(world.zone, switch_in(world))
        assert world.picture()[(world.zone, "TXT")] == canonical(world.here(CONTENT[1]))
    assert world.picture()[stranger.key] == stranger


@pytest.mark.parametrize("kind", KINDS)
def test_a_zone_that_is_not_there_is_blocked(worlds: Worlds, kind: str) -> None:
    with pytest.raises(Blocked, match="nowhere"):
        worlds(kind).provider.read_zone("nowhere.test.")


@pytest.mark.parametrize("kind", ["lab-rfc2136", "powerdns-octodns"])
def test_a_ttl_floor_is_found_out_and_what_was_there_put_back(kind: str, real_or_lab_floor: Worlds) -> None:
    world = real_or_lab_floor(kind)
    before, mx = world.picture(), world.here(CONTENT[0])
    asked = [RRsetChange(before=mx, after=mx.model_copy(update={"ttl": 60}))]
    with pytest.raises(TtlRaised, match="TTL 60") as caught:
        world.provider.apply(world.zone, asked)
    assert caught.value.floor == 300
    assert world.picture() == before
    world.provider.apply(world.zone, [RRsetChange(before=mx, after=mx.model_copy(update={"ttl": 300}))])
    assert world.picture()[mx.key].ttl == 300


@pytest.fixture
def real_or_lab_floor(town: Towns, request: pytest.FixtureRequest) -> Worlds:
    def world(kind: str) -> World:
        if kind.startswith("lab"):
            return lab_world(kind.partition("-")[2], town, ttl_floor=300)
        authorities: Authorities = request.getfixturevalue("real_powerdns")
        made = real_world("powerdns", authorities, "octodns")
        made.provider = octo("octodns_memory.FlooredPowerDns", **authorities.api)
        return made

    return world


def test_the_records_to_type_say_all_that_a_person_needs(worlds: Worlds) -> None:
    world = worlds("lab-manual")
    assert isinstance(world.provider, Typist)
    world.provider.apply(world.zone, switch_in(world))
    assert f"delete A autodiscover.{ZONE}: 192.0.2.25 -> no record (TTL 300 -> -)" == world.provider.typed[0]
    assert (
        f"replace MX {ZONE}: 10 mail.{ZONE} and 20 backup.{ZONE} -> 0 contoso-test.j-v1.mx.microsoft. (TTL 3600 -> 60)"
        in world.provider.typed
    )


def test_a_server_that_shows_another_serial_than_it_keeps_takes_updates_all_the_same(
    real_powerdns: Authorities,
) -> None:
    """PowerDNS's SOA-EDIT; BIND's inline signing is alike. The serial can be no condition, the record sets can."""
    world = real_world("powerdns", real_powerdns, "rfc2136")
    real_powerdns.configure(world.zone, {"soa_edit": "EPOCH"})
    before, changes = world.picture(), switch_in(world)
    world.provider.apply(world.zone, changes)
    assert world.picture()[(world.zone, "MX")] == world.here(MX_AFTER)
    world.provider.apply(world.zone, [one.inverse() for one in reversed(changes)])
    assert world.picture() == before


@pytest.mark.parametrize("kind", ["bind-rfc2136", "powerdns-rfc2136", "powerdns-octodns"])
def test_wrong_credentials_are_refused_and_stay_ours(worlds: Worlds, kind: str) -> None:
    provider = worlds(kind).provider
    secret = "bm90IHRoZSBrZXkgYXQgYWxs"
    if isinstance(provider, Rfc2136):
        wrong: Rfc2136 | OctoDns = provider.model_copy(update={"key_secret": SecretStr(secret)})
    else:
        assert isinstance(provider, OctoDns)
        wrong = octo(provider.provider_class, **{**provider.settings.get_secret_value(), "api_key": secret})
    with pytest.raises(Refused) as caught:
        wrong.read_zone("t0.test.")
    assert secret not in str(caught.value) + repr(wrong)


def test_the_secondary_of_a_real_pair_follows(worlds: Worlds) -> None:
    world = worlds("bind-rfc2136")
    assert len(world.servers) == 2
    one: RRset = world.here(CONTENT[0])
    world.provider.apply(world.zone, [RRsetChange(before=one, after=one.model_copy(update={"ttl": 60}))])
    assert eventually(lambda: [each.ttl for each in world.served(one.key) if each] == [60, 60])
