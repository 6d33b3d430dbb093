"""rollback(apply(zone)) == zone, for random zones, through the providers' own code."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from dns_town import provider_of
from dns_worlds import octo, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octodns_memory import STORES

from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.errors import TtlRaised
from mailmove.records import RRset, RRsetChange, Zone, difference, zone_of

ZONE = "contoso.test."
LABELS = st.sampled_from(["", "mail.", "autodiscover.", "_dmarc.", "*.apps.", "a.b."])
TTLS = st.integers(min_value=1, max_value=86400)
HOSTS = st.sampled_from(["mail.contoso.test.", "x.mx.microsoft.", "a.example.", "b.example."])
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), min_size=1, max_size=40)
FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def record_sets(draw: st.DrawFn) -> RRset:
    rtype = draw(st.sampled_from(["MX", "TXT", "A", "CNAME", "SRV"]))
    label = draw(LABELS.filter(bool) if rtype == "CNAME" else LABELS)
    values = {
        "MX": st.builds(lambda number, host: f"{number} {host}", st.integers(0, 65535), HOSTS),
        "TXT": TEXT.map(lambda text: f'"{text}"'),
        "A": st.integers(1, 254).map(lambda number: f"192.0.2.{number}"),
        "CNAME": HOSTS,
        "SRV": st.builds(lambda number, host: f"0 0 {number} {host}", st.integers(1, 65535), HOSTS),
    }[rtype]
    some = draw(st.lists(values, min_size=1, max_size=1 if rtype == "CNAME" else 4, unique=True))
    return rrset(f"{label}{ZONE}", rtype, draw(TTLS), *some)


@st.composite
def zones(draw: st.DrawFn) -> Zone:
    """No CNAME stands beside another set (RFC 1034 section 3.6.2)."""
    held: Zone = {}
    for one in draw(st.lists(record_sets(), max_size=10)):
        others = {key[1] for key in held if key[0] == one.name} - {one.type}
        if "CNAME" not in others and not (one.type == "CNAME" and others):
            held[one.key] = one
    return held


def changes_between(old: Zone, new: Zone) -> list[RRsetChange]:
    gone = [RRsetChange(before=one, after=None) for key, one in sorted(old.items()) if key not in new]
    return [*gone, *difference(old, new.values())]


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Any]]:
    """One town for each kind, made when it is first asked for."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(TownDns(Places(), kind=kind, zones={ZONE: []}, resolvers=(), faults=Faults()))  # type: ignore[arg-type]
            for kind in ("rfc2136", "route53")
        }


def begin(place: Any, old: Zone) -> None:
    """Make the town's zone hold `old` and nothing else but SOA and NS."""
    kept = [one for key, one in place.zone(ZONE).items() if key == (ZONE, "NS")]
    if place.aws:
        zone = place.aws._backend.zones[place.hosted_zone_ids[ZONE]]
        zone.rrsets[:] = [one for one in zone.rrsets if one.type in ("SOA", "NS")]
        place.aws.put(place.hosted_zone_ids[ZONE], [*kept, *old.values()])
    else:
        place._data.replace(ZONE, [*kept, *old.values()])


@pytest.mark.parametrize("kind", ["rfc2136", "route53"])
@FAST
@given(old=zones(), new=zones())
def test_a_rollback_gives_back_any_zone(places: dict[str, Any], kind: str, old: Zone, new: Zone) -> None:
    place = places[kind]
    begin(place, old)
    before, provider, changes = place.picture(), provider_of(place), changes_between(old, new)
    provider.apply(ZONE, changes)
    assert {key: one for key, one in provider.read_zone(ZONE).items() if key[1] not in ("SOA", "NS")} == new
    provider.apply(ZONE, changes)
    provider.apply(ZONE, [one.inverse() for one in reversed(changes)])
    assert place.picture() == before


@FAST
@given(old=zones(), new=zones())
def test_a_rollback_by_octodns_gives_back_any_zone(old: Zone, new: Zone) -> None:
    store = secrets.token_hex(4)
    filler = rrset(f"filler.{ZONE}", "A", 60, "192.0.2.1")  # a zone without records counts as none
    STORES[store] = {ZONE: {**old, filler.key: filler}}
    provider, changes = octo("octodns_memory.MemoryProvider", store=store), changes_between(old, new)
    before = dict(STORES[store][ZONE])
    provider.apply(ZONE, changes)
    assert STORES[store][ZONE] == {**new, filler.key: filler}
    provider.apply(ZONE, [one.inverse() for one in reversed(changes)])
    assert STORES[store].pop(ZONE) == before


@FAST
@given(old=zones(), new=zones(), step=st.integers(0, 12))
def test_a_rollback_from_half_way_gives_back_any_zone(places: dict[str, Any], old: Zone, new: Zone, step: int) -> None:
    """A kill, or a provider without batches, may leave any part of the changes made."""
    place = places["rfc2136"]
    begin(place, old)
    before, changes = place.picture(), changes_between(old, new)
    put(place, ZONE, [one for one in changes if one.after is None] + changes[:step])
    provider_of(place).apply(ZONE, [one.inverse() for one in reversed(changes)])
    assert place.picture() == before


@FAST
@given(old=zones())
def test_a_raised_ttl_leaves_any_zone_as_it_was(old: Zone) -> None:
    store = secrets.token_hex(4)
    high = zone_of(one.model_copy(update={"ttl": one.ttl + 300}) for one in old.values())
    filler = rrset(f"filler.{ZONE}", "A", 600, "192.0.2.1")
    STORES[store] = {ZONE: {**high, filler.key: filler}}
    provider = octo("octodns_memory.MemoryProvider", store=store, habit="floor")
    low = [RRsetChange(before=one, after=one.model_copy(update={"ttl": 60})) for one in high.values()]
    before = dict(STORES[store][ZONE])
    if low:
        with pytest.raises(TtlRaised):
            provider.apply(ZONE, low)
    assert STORES[store].pop(ZONE) == before
