"""What the zone should hold at each step; pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth import spf
from mailmove.dns.zone.apply_changes import apply_changes, outstanding
from mailmove.dns.zone.desired import lowered, restored_ttl, switch_changes, switched
from mailmove.dns.zone.findings import findings
from mailmove.errors import Blocked, Drifted, TtlRaised
from mailmove.records import RRset, RRsetChange, Zone, difference, zone_of

D = "contoso.test."
MX = rrset(D, "MX", 86400, "10 mail.contoso.test.", "20 backup.isp.test.")
TXT = rrset(D, "TXT", 600, '"v=spf1 mx ip4:192.0.2.1 -all"', '"keep=me"')
SERVICE = [
    rrset(D, "MX", 3600, "0 contoso-test.q-v1.mx.microsoft."),
    rrset(D, "TXT", 3600, '"v=spf1 include:spf.protection.outlook.com -all"'),
    rrset(f"autodiscover.{D}", "CNAME", 3600, "autodiscover.outlook.com."),
]


def txt_of(text: str) -> RRset:
    return rrset(D, "TXT", 600, spf.value_of(text))


def after_switch(zone: Zone) -> Zone:
    return zone_of([*zone.values(), *switched(zone, "contoso.test", SERVICE)])


def test_lowering_and_restoring_touch_the_ttl_only() -> None:
    assert lowered(zone_of([MX]), "contoso.test", 60) == [MX.model_copy(update={"ttl": 60})]
    low = MX.model_copy(update={"ttl": 30})
    assert lowered(zone_of([low]), "contoso.test", 60) == [low], "never raised"
    assert restored_ttl(zone_of([low]), "Contoso.test.", 86400)[0].ttl == 21600


def test_switch_replaces_mx_keeps_its_ttl_and_merges_spf() -> None:
    low = MX.model_copy(update={"ttl": 60})
    zone = after_switch(zone_of([low, TXT]))
    assert zone[D, "MX"] == rrset(D, "MX", 60, "0 contoso-test.q-v1.mx.microsoft.")
    assert zone[D, "TXT"] == rrset(
        D,
        "TXT",
        600,
        '"keep=me"',
        '"v=spf1 mx ip4:192.0.2.1 a:mail.contoso.test a:backup.isp.test include:spf.protection.outlook.com -all"',
    )
    assert difference(zone, switched(zone, "contoso.test", SERVICE)) == [], "a second look changes nothing"


@pytest.mark.parametrize(
    ("old", "merged"),
    [
        ("v=spf1 ip4:1.2.3.4 ~all", "v=spf1 ip4:1.2.3.4 include:spf.protection.outlook.com ~all"),
        ("v=spf1 redirect=_spf.isp.test", "v=spf1 include:spf.protection.outlook.com redirect=_spf.isp.test"),
        ("v=spf1 a", "v=spf1 a include:spf.protection.outlook.com"),
        (
            "v=spf1 include:spf.protection.outlook.com -all",
            "v=spf1 include:spf.protection.outlook.com -all",
        ),
    ],
)
def test_spf_is_merged_before_its_end(old: str, merged: str) -> None:
    [value] = after_switch(zone_of([MX, txt_of(old)]))[D, "TXT"].values
    assert spf.text_of(value) == merged


def test_a_long_spf_record_is_split_into_strings() -> None:
    old = "v=spf1 " + " ".join(f"ip4:192.0.{number}.0/24" for number in range(30)) + " -all"
    [value] = after_switch(zone_of([MX, txt_of(old)]))[D, "TXT"].values
    assert value.count('"') == 6
    assert "include:spf.protection.outlook.com -all" in spf.text_of(value)


def test_without_spf_the_record_begins_softly() -> None:
    [value] = after_switch(zone_of([MX]))[D, "TXT"].values
    assert spf.text_of(value) == (
        "v=spf1 a:mail.contoso.test a:backup.isp.test include:spf.protection.outlook.com ~all"
    )


def test_a_new_cname_displaces_what_stood_there_and_comes_back() -> None:
    before = zone_of([MX, TXT, rrset(f"autodiscover.{D}", "A", 300, "192.0.2.1")])
    changes = switch_changes(before, "contoso.test", SERVICE)
    after = model_apply(before, changes)
    assert (f"autodiscover.{D}", "A") not in after
    assert after[f"autodiscover.{D}", "CNAME"].ttl == 300
    assert model_apply(after, [change.inverse() for change in reversed(changes)]) == before


@pytest.mark.parametrize(
    ("zone", "service"),
    [
        ([MX], []),
        ([], SERVICE),
        ([MX], [rrset(D, "MX", 3600, "0 .")]),
        ([MX, rrset(D, "TXT", 60, '"v=spf1 a -all"', '"v=spf1 mx -all"')], SERVICE),
        ([MX, txt_of("v=spf1 " + " ".join(f"include:s{n}.test" for n in range(10)) + " -all")], SERVICE),
    ],
    ids=["no MX asked", "no MX there", "null MX", "two SPF", "too many look-ups"],
)
def test_what_cannot_be_switched_is_blocked(zone: list[RRset], service: list[RRset]) -> None:
    with pytest.raises(Blocked):
        switched(zone_of(zone), "contoso.test", service)


def test_findings_name_what_matters() -> None:
    zone = zone_of(
        [
            MX,
            rrset(D, "TXT", 60, '"v=spf1 a -all"', '"v=spf1 mx -all"'),
            rrset(f"_mta-sts.{D}", "TXT", 60, '"v=STSv1; id=1"'),
            rrset(f"_dmarc.{D}", "TXT", 60, '"v=DMARC1; p=none"'),
            rrset(f"_25._tcp.mail.{D}", "TLSA", 60, "3 1 1 " + "ab" * 32),
        ]
    )
    subjects = {finding.subject.split()[0]: finding.blocks for finding in findings(zone, "contoso.test")}
    assert subjects == {
        "SPF": True,
        "MX": False,
        "MTA-STS": False,
        "DMARC": False,
        "DANE": False,
        "TLS-RPT": False,
        "Autodiscover": False,
    }
    assert next(finding.blocks for finding in findings({}, "contoso.test"))
    null = findings(zone_of([rrset(D, "MX", 60, "0 ."), TXT]), "contoso.test")
    assert [finding.subject for finding in null if finding.blocks] == [f"MX {D}"]


def model_apply(zone: Zone, changes: list[RRsetChange]) -> Zone:
    """A provider in memory."""
    held = dict(zone)

    def write(todo: list[RRsetChange]) -> None:
        assert outstanding("model", held, todo) == todo
        for change in todo:
            held.pop(change.key, None)
            if change.after:
                held[change.key] = change.after

    apply_changes("model", changes, read=lambda: held, write=write)
    return held


@pytest.mark.parametrize("shown", [86400, 300], ids=["as it was", "raised"])
def test_what_stands_at_its_old_ttl_again_is_not_written_a_second_time(shown: int) -> None:
    """The provider has changed nothing, or a rollback was faster: no act follows; the floor is told all the same."""
    held, writes = zone_of([MX]), list[list[RRsetChange]]()

    def write(todo: list[RRsetChange]) -> None:
        writes.append(todo)
        held.update({MX.key: MX.model_copy(update={"ttl": shown})})

    with pytest.raises(TtlRaised) as raised:
        apply_changes("model", [low := RRsetChange(before=MX, after=MX.model_copy(update={"ttl": 60}))],
                      read=lambda: held, write=write)  # fmt: skip
    assert raised.value.floor == shown
    back = [RRsetChange(before=MX.model_copy(update={"ttl": 300}), after=MX)]
    assert writes == ([[low]] if shown == MX.ttl else [[low], back])


hosts = st.sampled_from([f"{name}.contoso.test." for name in "abcd"])
sets = st.builds(
    lambda name, ttl, values: rrset(name, "MX", ttl, *values),
    hosts,
    st.integers(0, 2**31 - 1),
    st.lists(st.builds(lambda p, h: f"{p} {h}", st.integers(0, 65535), hosts), min_size=1, max_size=4),
)
zones = st.lists(sets, max_size=6).map(zone_of)


@given(zones, zones)
def test_apply_then_inverse_is_identity(before: Zone, wanted: Zone) -> None:
    changes = difference(before, wanted.values())
    after = model_apply(before, changes)
    assert {key: after[key] for key in wanted} == wanted
    assert model_apply(after, changes) == after, "twice is nothing"
    assert model_apply(after, [change.inverse() for change in reversed(changes)]) == before


@given(zones, sets, sets)
def test_a_set_that_is_neither_before_nor_after_is_drifted(zone: Zone, before: RRset, after: RRset) -> None:
    after = after.model_copy(update={"name": before.name})
    change = RRsetChange(before=before, after=after)
    now = zone.get(before.key)
    if now in (before, after):
        assert outstanding("model", zone, [change]) == ([] if now == after else [change])
    else:
        with pytest.raises(Drifted):
            outstanding("model", zone, [change])


def test_spelling_is_no_difference() -> None:
    held = zone_of([rrset(D, "MX", 60, "10 MAIL.Contoso.test.")])
    change = RRsetChange(before=rrset(D, "MX", 60, "10 mail.contoso.test."), after=rrset(D, "MX", 60, "0 new.test."))
    assert outstanding("model", held, [change]) == [change]
