"""What the change sets promise for any zone: nothing is lost, twice is nothing, and the way back is exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import Judged

from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth import spf
from mailmove.dns.mail_auth.dkim import dkim_changes
from mailmove.dns.zone.apply_changes import apply_changes, outstanding
from mailmove.dns.zone.desired import lowered, restored_ttl, switch_changes
from mailmove.dns.zone.domain_proof import with_verification
from mailmove.errors import Blocked
from mailmove.records import RRset, RRsetChange, Zone, difference, zone_of

D = "contoso.test."
MS = "include:spf.protection.outlook.com"
SERVICE = [
    rrset(D, "MX", 3600, "0 contoso-test.q-v1.mx.microsoft."),
    rrset(D, "TXT", 3600, '"v=spf1 include:spf.protection.outlook.com -all"'),
    rrset(f"autodiscover.{D}", "CNAME", 3600, "autodiscover.outlook.com."),
]
KEYS = [
    rrset(f"selector{n}._domainkey.{D}", "CNAME", 3600, f"selector{n}-contoso-test._domainkey.c.dkim.test.")
    for n in (1, 2)
]
PROOF = [rrset(D, "TXT", 3600, '"MS=ms12345678"')]

hosts = st.sampled_from([f"{name}.contoso.test." for name in ("mail", "backup", "www", "old")])
ttls = st.integers(0, 2**31 - 1)
qualifiers = st.sampled_from(["", "+", "?", "~", "-"])
mechanisms = st.one_of(
    st.builds(lambda q, h: f"{q}a:{h.rstrip('.')}", qualifiers, hosts),
    st.builds(lambda q, n: f"{q}include:s{n}.test", qualifiers, st.integers(0, 6)),
    st.builds(lambda q, n: f"{q}ip4:192.0.2.{n}", qualifiers, st.integers(0, 255)),
    st.builds(lambda q, c: f"{q}mx{c}", qualifiers, st.sampled_from(["", "/24", "//64", f":{D[:-1]}", ":other.test"])),
    st.sampled_from(["ptr", "exists:%{i}.x.test", "exp=e.test", MS, "moo=cow", "broken!"]),
    st.builds(lambda q: f"{q}all", qualifiers),
    st.sampled_from(["redirect=r.test", "A", "MX", "IP4:192.0.2.9"]),
)
records = st.lists(mechanisms, max_size=9).map(lambda terms: " ".join(["v=spf1", *terms]))
others = st.sampled_from(["keep=me", "MS=ms00000000", "v=spf10 no", 'a;b "c" \\ d', "gr\xfcn", ""])


def txt_values(texts: list[str]) -> tuple[str, ...]:
    return tuple(spf.value_of(text) for text in texts)


txts = st.builds(
    lambda ttl, spfs, rest: rrset(D, "TXT", ttl, *(txt_values([*spfs, *rest]) or ('"x"',))),
    ttls,
    st.lists(records, max_size=2),
    st.lists(others, max_size=3),
)
mxs = st.builds(
    lambda ttl, pairs: rrset(D, "MX", ttl, *(f"{p} {h}" for p, h in pairs)),
    ttls,
    st.lists(st.tuples(st.integers(0, 65535), hosts), min_size=1, max_size=3),
)
srvs = st.builds(
    lambda ttl, targets: rrset(f"_autodiscover._tcp.{D}", "SRV", ttl, *(f"0 0 443 {one}" for one in targets)),
    ttls,
    st.lists(st.sampled_from(["mail.contoso.test.", ".", "autodiscover.outlook.com.", "MAIL.test."]), min_size=1),
)
rest = st.lists(
    st.one_of(
        st.builds(lambda t: rrset(f"autodiscover.{D}", "A", t, "192.0.2.1"), ttls),
        st.builds(lambda t: rrset(f"autodiscover.{D}", "CNAME", t, "Mail.contoso.test."), ttls),
        st.builds(
            lambda t: rrset(f"selector1._domainkey.{D}", "CNAME", t, "selector1-x._domainkey.old.test."),
            ttls,
        ),
        st.builds(lambda t: rrset(f"selector2._domainkey.{D}", "TXT", t, '"v=DKIM1; p=abc"'), ttls),
        st.builds(lambda t: rrset(f"_dmarc.{D}", "TXT", t, '"v=DMARC1; p=reject"'), ttls),
        st.builds(lambda t: rrset(f"www.{D}", "A", t, "192.0.2.80"), ttls),
    ),
    max_size=6,
)
zones = st.builds(
    lambda mx, txt, srv, more: zone_of([one for one in (mx, txt, srv, *more) if one]),
    st.integers(0, 7).flatmap(lambda number: mxs if number else st.none()),  # few zones are without an MX set
    st.none() | txts,
    st.none() | srvs,
    rest,
)

CHANGE_SETS: dict[str, Callable[[Zone], list[RRsetChange]]] = {
    "lower": lambda zone: difference(zone, lowered(zone, "contoso.test", 60)),
    "restore": lambda zone: difference(zone, restored_ttl(zone, "contoso.test", 3600)),
    "verify": lambda zone: difference(zone, with_verification(zone, PROOF)),
    "switch": lambda zone: switch_changes(zone, "contoso.test", SERVICE),
    "dkim": lambda zone: dkim_changes(zone, KEYS),
}


def applied(zone: Zone, changes: list[RRsetChange]) -> Zone:
    """A provider in memory, held to the contract of every provider."""
    held = dict(zone)

    def write(todo: list[RRsetChange]) -> None:
        assert outstanding("model", held, todo) == todo
        for change in todo:
            held.pop(change.key, None)
            if change.after:
                held[change.key] = change.after

    apply_changes("model", changes, read=lambda: held, write=write)
    return held


@pytest.mark.parametrize("name", CHANGE_SETS)
def test_any_zone_comes_back_exactly_and_twice_is_nothing(name: str) -> None:
    changes_of, seen = CHANGE_SETS[name], Judged()

    @settings(max_examples=80, deadline=None)
    @given(zone=zones)
    def comes_back(zone: Zone) -> None:
        try:
            changes = changes_of(zone)
        except Blocked:
            seen.count(False)  # a person is asked; nothing was changed
            return
        seen.count(True)
        _comes_back(zone, changes, changes_of)

    comes_back()
    assert seen.share >= 0.5, "most zones can be changed"


def _comes_back(zone: Zone, changes: list[RRsetChange], changes_of: Callable[[Zone], list[RRsetChange]]) -> None:
    after = applied(zone, changes)
    assert changes_of(after) == [], "the wanted changes on a zone that has them are none"
    assert applied(after, changes) == after, "the same changes again change nothing"
    assert applied(after, [change.inverse() for change in reversed(changes)]) == zone
    touched = {change.key for change in changes}
    assert {key: one for key, one in zone.items() if key not in touched} == {
        key: one for key, one in after.items() if key not in touched
    }
    assert len(touched) == len(changes), "each set once: never deleted and then made again"
    names = {change.key[0] for change in changes if change.after}
    assert all(change.after or change.key[0] in names for change in changes), "what goes gives way to something"


def test_a_merge_loses_nothing_and_hides_nothing() -> None:
    seen = Judged()

    @settings(max_examples=200, deadline=None)
    @given(old=records, mx=mxs)
    def merged(old: str, mx: RRset) -> None:
        zone = zone_of([mx, rrset(D, "TXT", 300, spf.value_of(old), '"keep=me"')])
        try:
            changes = switch_changes(zone, "contoso.test", SERVICE)
        except Blocked:
            seen.count(False)
            return
        seen.count(True)
        _merged(old, mx, applied(zone, changes))

    merged()
    assert seen.share >= 0.5, "most records can be merged"


def _merged(old: str, mx: RRset, after: Zone) -> None:
    values = after[D, "TXT"].values
    found = [spf.text_of(value) for value in values if spf.is_spf(value)]
    assert len(found) == 1, "never two records"
    assert '"keep=me"' in values
    merged = found[0]
    was, now = spf.words_of(old), spf.words_of(merged)
    assert _in_order(was, now), "every term stays, in its order"
    assert spf.lookups(merged) <= spf.LOOKUP_LIMIT, "more than ten look-ups are never published"
    reached = [term.key for term in spf.in_force(merged)]
    assert MS in reached, "and Microsoft stands where receivers come to it"
    for term in spf.in_force(old):
        if term.name == "mx" and term.qualifier == "+" and term.value in ("", "contoso.test"):
            for value in mx.values:
                assert f"a:{value.split()[1].rstrip('.')}{term.cidr}" in reached, "and so does today's server"


def _in_order(some: list[str], among: list[str]) -> bool:
    rest = iter(among)
    return all(word in rest for word in some)


@pytest.mark.parametrize(
    ("old", "merged"),
    [
        (f"v=spf1 -all {MS}", f"v=spf1 {MS} -all {MS}"),
        ("v=spf1 mx/24 -all", f"v=spf1 mx/24 a:mail.contoso.test/24 {MS} -all"),
        ("v=spf1 mx:contoso.test ~all", f"v=spf1 mx:contoso.test a:mail.contoso.test {MS} ~all"),
        ("v=spf1 ?mx ~all", f"v=spf1 ?mx {MS} ~all"),
    ],
)
def test_merges_that_are_easily_wrong(old: str, merged: str) -> None:
    assert spf.merge(old, f"v=spf1 {MS} -all", ["mail.contoso.test."], "contoso.test") == merged


def test_the_srv_hint_follows_and_a_refusal_stays() -> None:
    base = [rrset(D, "MX", 60, "10 mail.contoso.test.")]
    name = f"_autodiscover._tcp.{D}"
    old = rrset(name, "SRV", 300, "0 0 443 mail.contoso.test.")
    [change] = [one for one in switch_changes(zone_of([*base, old]), "contoso.test", SERVICE) if one.key[1] == "SRV"]
    assert change == RRsetChange(before=old, after=rrset(name, "SRV", 300, "0 0 443 autodiscover.outlook.com."))
    for there in ("0 0 443 autodiscover.outlook.com.", "0 0 0 ."):
        zone = zone_of([*base, rrset(name, "SRV", 300, there)])
        assert not [one for one in switch_changes(zone, "contoso.test", SERVICE) if one.key[1] == "SRV"]


def test_dkim_never_takes_the_key_of_another_service_away() -> None:
    name = f"selector1._domainkey.{D}"
    earlier = rrset(name, "CNAME", 300, "selector1-contoso-com._domainkey.oldtenant.onmicrosoft.com.")
    assert [one.before for one in dkim_changes(zone_of([earlier]), KEYS)] == [earlier, None]
    for foreign in (rrset(name, "TXT", 300, '"v=DKIM1; p=abc"'), rrset(name, "CNAME", 300, "dkim.newsletter.test.")):
        with pytest.raises(Blocked, match="Another service signs"):
            dkim_changes(zone_of([foreign]), KEYS)
