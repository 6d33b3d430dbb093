"""Only what was asked for may change, whatever an octoDNS provider would like to do besides."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from dns_town import CONTENT, ZONE
from dns_worlds import octo
from octodns_memory import STORES, MemoryProvider

from blocks.dns.octodns import OctoDns
from lab.dns.zone_data import rrset
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused, Throttled, Transient, TtlRaised
from mailmove.records import RRset, RRsetChange, Zone, zone_of

MX = CONTENT[0]
LOWER = RRsetChange(before=MX, after=MX.model_copy(update={"ttl": 60}))
TO_CLOUD = RRsetChange(before=MX, after=rrset(ZONE, "MX", 60, "0 x.mx.microsoft."))
ALIAS = [
    RRsetChange(before=CONTENT[3], after=None),
    RRsetChange(before=None, after=rrset(f"autodiscover.{ZONE}", "CNAME", 300, "autodiscover.outlook.com.")),
]
PLAIN = [*CONTENT[:1], rrset(ZONE, "TXT", 600, '"v=spf1 mx -all"'), *CONTENT[2:]]


@pytest.fixture
def store() -> Iterator[str]:
    name = secrets.token_hex(4)
    unmodelled = rrset(f"_25._tcp.mail.{ZONE}", "TLSA", 3600, "3 1 1 " + "ab" * 32)
    STORES[name] = {ZONE: zone_of([*PLAIN, unmodelled])}
    yield name
    del STORES[name]
    MemoryProvider.failing.discard(name)


def provider(store: str, habit: str = "", **more: str) -> OctoDns:
    return octo("octodns_memory.MemoryProvider", store=store, habit=habit, **more)


def held(store: str) -> Zone:
    return dict(STORES[store][ZONE])


def test_what_octodns_does_not_model_is_neither_read_nor_touched(store: str) -> None:
    before = held(store)
    block = provider(store)
    assert (f"_25._tcp.mail.{ZONE}", "TLSA") not in block.read_zone(ZONE)
    block.apply(ZONE, [TO_CLOUD, *ALIAS])
    after = held(store)
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == {
        one.key for one in [TO_CLOUD, *ALIAS]
    }
    block.apply(ZONE, [one.inverse() for one in [TO_CLOUD, *ALIAS]])
    assert held(store) == before


def test_a_plan_with_anything_else_in_it_is_refused_by_name_and_number(store: str) -> None:
    before = held(store)
    with pytest.raises(Blocked, match=r"2 record sets would change where 1 may: also A ") as caught:
        provider(store, "greedy").apply(ZONE, [TO_CLOUD])
    assert "then look again" in caught.value.todo
    assert held(store) == before


def test_a_change_of_the_zone_itself_is_refused(store: str) -> None:
    before = held(store)
    with pytest.raises(Blocked, match="business"):
        provider(store, "meta").apply(ZONE, [TO_CLOUD])
    assert held(store) == before


@pytest.mark.parametrize("ttl", [3600, 300], ids=["lowered to the floor", "stands at the floor"])
def test_a_ttl_floor_is_found_by_reading_back(store: str, ttl: int) -> None:
    standing = MX.model_copy(update={"ttl": ttl})
    STORES[store][ZONE][MX.key] = standing
    before = held(store)
    with pytest.raises(TtlRaised) as caught:
        provider(store, "floor").apply(ZONE, [RRsetChange(before=standing, after=LOWER.after)])
    assert caught.value.floor == 300
    assert held(store) == before


def test_a_failure_between_two_steps_is_finished_by_the_next_try_and_can_be_undone(store: str) -> None:
    before, changes = held(store), [TO_CLOUD, *ALIAS]
    MemoryProvider.failing.add(store)
    with pytest.raises(Transient):
        provider(store).apply(ZONE, changes)
    halfway = held(store)
    assert halfway != before and any(halfway.get(one.key) != one.after for one in changes)
    provider(store).apply(ZONE, changes)
    assert all(held(store).get(one.key) == one.after for one in changes)
    STORES[store][ZONE] = halfway
    provider(store).apply(ZONE, [one.inverse() for one in changes])
    assert held(store) == before


@pytest.mark.parametrize(
    ("habit", "error"), [("busy", Throttled), ("refuses", Refused), ("leaky", Blocked)], ids=["429", "401", "other"]
)
def test_errors_are_ours_and_the_settings_stay_secret(store: str, habit: str, error: type[MailmoveError]) -> None:
    block = provider(store, habit, token="very-secret-token")
    with pytest.raises(error) as caught:
        block.read_zone(ZONE)
    assert caught.value.__cause__ is None and "very-secret-token" not in f"{caught.value!r}{block!r}"
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 7.0
    assert block.zone_findings(ZONE), "what would stop the night is found before it"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("octodns_nowhere.Provider", "Install octodns-nowhere"),
        ("octodns_memory.Nothing", "mend the name"),
        ("octodns_memory.STORES", "Name a provider class"),
    ],
)
def test_a_class_that_is_not_there_says_what_to_do(name: str, says: str) -> None:
    (finding,) = octo(name, store="x").findings()
    assert finding.blocks and says in finding.todo


def test_settings_that_the_class_does_not_take_are_blocked(store: str) -> None:
    with pytest.raises(Blocked, match="store"):
        octo("octodns_memory.MemoryProvider").read_zone(ZONE)


@pytest.mark.parametrize(
    "change",
    [
        RRsetChange(before=None, after=rrset(ZONE, "NS", 60, "ns9.other.test.")),
        RRsetChange(before=PLAIN[1], after=rrset(ZONE, "TXT", 600, '"a \\"quoted\\" word"')),
    ],
    ids=["delegation", "escapes"],
)
def test_what_could_not_be_put_back_exactly_is_refused(store: str, change: RRsetChange) -> None:
    before = held(store)
    with pytest.raises(Blocked, match="by hand"):
        provider(store).apply(ZONE, [change])
    assert held(store) == before


def test_an_automatic_ttl_makes_way_for_one_of_our_own(store: str) -> None:
    provider(store, "auto-ttl").apply(ZONE, [LOWER, *ALIAS])
    assert held(store)[MX.key].ttl == 60


def test_a_record_behind_the_providers_proxy_is_not_deleted(store: str) -> None:
    before = held(store)
    with pytest.raises(Blocked, match="cloudflare: proxied"):
        provider(store, "proxied").apply(ZONE, ALIAS)
    assert held(store) == before


def test_a_provider_that_does_not_do_what_it_says_is_found_out(store: str) -> None:
    with pytest.raises(NotYet):
        provider(store, "idle").apply(ZONE, [TO_CLOUD])


def test_a_long_text_keeps_its_value(store: str) -> None:
    key = "k=rsa; p=" + "A" * 400
    long = RRset(name=f"s1._domainkey.{ZONE}", type="TXT", ttl=60, values=(f'"{key[:255]}" "{key[255:]}"',))
    provider(store).apply(ZONE, [RRsetChange(before=None, after=long)])
    assert provider(store).read_zone(ZONE)[long.key] == long
