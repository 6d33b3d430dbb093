"""What is special to Route 53 and to RFC 2136; what every provider promises is in test_provider_conformance.py."""

from __future__ import annotations

import re

import pytest
from dns_town import CONTENT, ZONE, Towns, provider_of
from eventually import eventually
from prefect.blocks.core import Block
from pydantic import SecretStr

from blocks.dns.manual import Manual
from blocks.dns.octodns import OctoDns
from blocks.dns.rfc2136 import Rfc2136
from blocks.dns.route53 import Route53
from lab.dns.zone_data import rrset
from lab.faults import Faults
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused, Throttled, Transient
from mailmove.records import RRsetChange, difference

KINDS = ["rfc2136", "route53"]
MX_BEFORE = CONTENT[0]
MX_AFTER = rrset(ZONE, "MX", 60, "0 contoso-test.j-v1.mx.microsoft.")
TO_CLOUD = RRsetChange(before=MX_BEFORE, after=MX_AFTER)
ALIAS = rrset(f"autodiscover.{ZONE}", "CNAME", 300, "autodiscover.outlook.com.")
SWITCH = [
    TO_CLOUD,
    RRsetChange(before=CONTENT[1], after=rrset(ZONE, "TXT", 600, '"v=spf1 include:spf.test -all"', '"gr\\195\\188n"')),
    RRsetChange(before=None, after=ALIAS),
    RRsetChange(before=CONTENT[3], after=None),
    RRsetChange(before=None, after=rrset(f"*.new.{ZONE}", "TXT", 60, '"a" "b"')),
]


@pytest.mark.parametrize("kind", KINDS)
def test_apply_is_served_and_the_second_apply_does_nothing(town: Towns, kind: str) -> None:
    place = town(kind, insync_delay=0.3)
    provider = provider_of(place)
    provider.apply(ZONE, SWITCH)
    served = place.zone(ZONE)  # at once: apply returns when the servers have it
    for change in SWITCH:
        assert served.get(change.key) == change.after
    serial = served[ZONE, "SOA"]
    provider.apply(ZONE, SWITCH)
    assert place.zone(ZONE)[ZONE, "SOA"] == serial


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_restores_the_very_same_zone(town: Towns, kind: str) -> None:
    place = town(kind)
    before = place.picture()
    provider = provider_of(place)
    provider.apply(ZONE, SWITCH)
    assert place.picture() != before
    provider.apply(ZONE, [change.inverse() for change in reversed(SWITCH)])
    assert place.picture() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_whose_answer_is_lost_is_not_made_twice(town: Towns, faults: Faults, kind: str) -> None:
    place = town(kind)
    provider = provider_of(place)
    faults.set("dns.update_lost" if kind == "rfc2136" else "route53.change_lost", times=1)
    try:
        provider.apply(ZONE, SWITCH)  # Route 53's client asks again by itself
    except Transient:
        provider.apply(ZONE, SWITCH)
    assert eventually(lambda: place.zone(ZONE).get(MX_AFTER.key) == MX_AFTER)


@pytest.mark.parametrize(
    ("kind", "fault", "error"),
    [
        ("route53", "route53.throttled", Throttled),
        ("route53", "route53.server_error", Transient),
        ("route53", "route53.denied", Refused),
        ("rfc2136", "dns.servfail", Transient),
        ("rfc2136", "dns.timeout", Transient),
        ("rfc2136", "dns.update_refused", Refused),
    ],
)
def test_errors_are_named_by_what_to_do(
    town: Towns, faults: Faults, kind: str, fault: str, error: type[MailmoveError]
) -> None:
    place = town(kind)
    before = place.picture()
    provider = provider_of(place, **({"timeout_seconds": 0.5} if kind == "rfc2136" else {}))
    faults.set(fault)
    with pytest.raises(error):
        provider.apply(ZONE, [TO_CLOUD])
    assert provider.zone_findings(ZONE), "what would stop the night is found before it"
    faults.clear()
    assert place.picture() == before
    assert provider.findings() == [] and provider.zone_findings(ZONE) == []
    assert place.picture() == before, "checks change nothing"


@pytest.mark.parametrize(
    "wrong", [{"key_name": "other."}, {"key_secret": SecretStr("bm90IGl0")}, {"key_secret": SecretStr("%")}]
)
def test_a_wrong_tsig_key_is_refused_and_the_secret_stays_ours(town: Towns, wrong: dict[str, object]) -> None:
    provider = provider_of(town()).model_copy(update=wrong)
    with pytest.raises(Refused) as caught:
        provider.read_zone(ZONE)
    with pytest.raises(Refused):
        provider.apply(ZONE, [TO_CLOUD])
    assert isinstance(provider, Rfc2136)
    secret = provider.key_secret.get_secret_value()
    assert secret == "%" or secret not in str(caught.value) + repr(provider)
    assert provider.findings()[0].blocks


def test_a_wrong_access_key_is_refused(town: Towns) -> None:
    provider = provider_of(town("route53"), access_key_id="AKIAWRONG")
    with pytest.raises(Refused):
        provider.read_zone(ZONE)
    assert provider.findings()[0].blocks


def test_without_transfer_the_names_of_a_move_are_queried(town: Towns, faults: Faults) -> None:
    place = town()
    faults.set("dns.transfer_refused")
    held = provider_of(place).read_zone(ZONE)
    assert (f"mail.{ZONE}", "A") not in held, "not by transfer"
    assert held[MX_BEFORE.key] == MX_BEFORE
    assert held[CONTENT[3].key] == CONTENT[3]
    before = place.picture()
    provider_of(place).apply(ZONE, SWITCH)
    provider_of(place).apply(ZONE, [change.inverse() for change in reversed(SWITCH)])
    assert place.picture() == before


@pytest.mark.parametrize("kind", ["rfc2136"])
def test_a_provider_that_raises_ttls_is_blocked_and_put_back(town: Towns, kind: str) -> None:
    place = town(kind, ttl_floor=300)
    before = place.picture()
    with pytest.raises(Blocked, match="300"):
        provider_of(place).apply(ZONE, SWITCH)
    assert place.picture() == before


def test_insync_is_waited_for_and_the_wait_is_bounded(town: Towns, faults: Faults) -> None:
    place = town("route53")
    faults.set("route53.stuck")
    with pytest.raises(NotYet, match="PENDING"):
        provider_of(place, sync_seconds=0.5).apply(ZONE, [TO_CLOUD])
    faults.clear()
    provider_of(place).apply(ZONE, [TO_CLOUD])


def test_being_throttled_while_waiting_is_no_failure(town: Towns, faults: Faults) -> None:
    """GetChange is asked often; the whole account may ask five times a second."""
    place = town("route53", insync_delay=0.3)
    # Three requests come before it: for the hosted zone, for its sets, for the change. botocore asks twice in a call.
    faults.set("route53.throttled", times=4, after=3)
    provider_of(place).apply(ZONE, [TO_CLOUD])
    assert not faults.take("route53.throttled"), "GetChange was refused, two calls of it"
    assert place.zone(ZONE)[MX_AFTER.key] == MX_AFTER


def test_two_hosted_zones_of_one_name_need_an_id(town: Towns) -> None:
    place = town("route53")
    assert place.aws is not None
    other = place.aws.add_zone(ZONE, [])
    with pytest.raises(Blocked, match="hosted_zone_id"):
        provider_of(place).read_zone(ZONE)
    provider = provider_of(place, hosted_zone_id=place.hosted_zone_ids[ZONE])
    assert provider.read_zone(ZONE)[MX_BEFORE.key] == MX_BEFORE
    assert MX_BEFORE.key not in provider_of(place, hosted_zone_id=f"/hostedzone/{other}").read_zone(ZONE)
    with pytest.raises(Blocked, match="hosted_zone_id"):
        provider.read_zone("other.test.")


def test_alias_sets_are_left_out_and_never_touched(town: Towns) -> None:
    place = town("route53")
    assert place.aws is not None
    zone = place.aws._backend.zones[place.hosted_zone_ids[ZONE]]
    target = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d1.cloudfront.net.", "EvaluateTargetHealth": False}
    zone.add_rrset({"Name": ZONE, "Type": "A", "AliasTarget": target})
    provider = provider_of(place)
    assert (ZONE, "A") not in provider.read_zone(ZONE)
    provider.apply(ZONE, [TO_CLOUD])
    assert [one.alias_target for one in zone.rrsets if one.alias_target] == [target]
    with pytest.raises(Blocked, match="alias"):
        provider.apply(ZONE, [RRsetChange(before=None, after=rrset(ZONE, "A", 60, "192.0.2.1"))])


def test_a_zone_of_many_pages_is_read_whole(town: Towns) -> None:
    many = [rrset(f"h{number}.{ZONE}", "A", 60, f"192.0.2.{number % 250}") for number in range(620)]
    for kind in KINDS:
        assert len(provider_of(town(kind, zone=[*CONTENT, *many])).read_zone(ZONE)) == len(many) + len(CONTENT) + 2


def test_a_malformed_record_is_blocked_by_route53(town: Towns) -> None:
    place = town("route53")
    broken = rrset(ZONE, "MX", 60, "mail.without.preference.")
    with pytest.raises(Blocked, match="MXRRDATAInvalid"):
        provider_of(place).apply(ZONE, [RRsetChange(before=MX_BEFORE, after=broken)])


def test_difference_of_equal_zones_is_empty(town: Towns) -> None:
    held = provider_of(town("route53")).read_zone(ZONE)
    assert difference(held, CONTENT) == []


@pytest.mark.parametrize("block", [Manual, OctoDns, Route53, Rfc2136])
def test_slug_is_what_plans_name(block: type[Block]) -> None:
    assert re.fullmatch(r"manual|octodns|route53|rfc2136", block.get_block_type_slug())
