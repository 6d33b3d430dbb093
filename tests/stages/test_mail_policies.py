"""Published policies hold the switch back: an SPF record grown too long, an MTA-STS policy without the new MX."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from night_walk import FlowRunOpen, Walk

from lab.dns.zone_data import rrset
from lab.town import DOMAIN, Town
from lab.town_zones import MX_ZONE
from mailmove.dns.mail_auth.mta_sts import MtaStsPolicy, widened
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch, Fetched
from mailmove.errors import Blocked
from mailmove.evidence import Finding
from tasks.dns import mail_policies
from tasks.reporting.dns_cleanup import tidying
from tasks.stages import switch_mail

pytestmark = pytest.mark.timeout(300)

NEW = f"{DOMAIN.replace('.', '-')}.k-v1.{MX_ZONE}."


@pytest.fixture
def walk(prefect_server: None) -> Iterator[Walk]:
    with (
        Town(dns="rfc2136", users=1, shared=0, public_folders=0, messages=3, mail_per_second=0.0, ttl=2) as town,
        FlowRunOpen() as run,
    ):
        walk = Walk(town, run, only=("lower_ttl", "verify_domain", "switch_mail"))
        walk.bring_to("switch_mail")
        yield walk


def blockers(walk: Walk) -> list[Finding]:
    return [found for found in walk.until(switch_mail.check.fn, walk.plan).findings if found.blocks]


def test_an_spf_record_that_its_includes_make_too_long(walk: Walk) -> None:
    helper = " ".join(f"a:h{number}.helper.example" for number in range(9))
    town = walk.town
    town.dns.add_zone(
        "helper.example",
        [
            rrset("helper.example", "TXT", 60, f'"v=spf1 {helper} ~all"'),
            *(rrset(f"h{number}.helper.example", "A", 60, "192.0.2.1") for number in range(9)),
        ],
    )
    town.dns.edit(DOMAIN, rrset(DOMAIN, "TXT", 2, '"v=spf1 mx include:helper.example -all"'))
    [found] = blockers(walk)
    assert found.subject.startswith("SPF") and "13 DNS look-ups" in found.seen
    with pytest.raises(Blocked, match="13 DNS look-ups"):
        walk.do(switch_mail.apply.fn, walk.plan)
    assert town.dns.zone(DOMAIN)[f"{DOMAIN}.", "MX"].values == (f"10 mail.{DOMAIN}.",), "nothing was switched"


def test_mta_sts_goes_in_the_safe_order(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    town = walk.town
    served = {"policy": MtaStsPolicy(mode="enforce", mx=(f"mail.{DOMAIN}",), max_age=604_800)}

    def fetcher(*_: object) -> Fetch:
        async def fetch(domain: str) -> Fetched:
            return Fetched(served["policy"].text()) if "policy" in served else Fetched(error="answers 404")

        return fetch

    monkeypatch.setattr(mail_policies, "fetcher", fetcher)
    town.dns.edit(DOMAIN, rrset(f"_mta-sts.{DOMAIN}", "TXT", 2, '"v=STSv1; id=1;"'))
    [found] = blockers(walk)
    assert "does not list" in found.seen and f"mx: {NEW.rstrip('.')}" in found.todo
    with pytest.raises(Blocked, match="does not list"):
        walk.do(switch_mail.apply.fn, walk.plan)

    served["policy"] = widened(served["policy"], [NEW]).model_copy(update={"max_age": 60})
    [found] = blockers(walk)
    assert "older one" in found.seen, "the older policy's max_age is remembered, not the new one's"
    with pytest.raises(Blocked, match="older one"):
        walk.do(switch_mail.apply.fn, walk.plan)

    later = mail_policies.now() + timedelta(hours=25)
    monkeypatch.setattr(mail_policies, "now", lambda: later)
    assert blockers(walk) == [], "patience is a day"
    walk.until(switch_mail.apply.fn, walk.plan)
    zone = town.dns.zone(DOMAIN)
    assert zone[f"{DOMAIN}.", "MX"].values == (f"0 {NEW}",)
    assert zone[f"_autodiscover._tcp.{DOMAIN}.", "SRV"].values == ("0 0 443 autodiscover.outlook.com.",)

    left = walk.do(tidying, walk.plan, walk.ledger)
    assert [line.split()[0] for line in left] == ["SPF", "old"], "what the report tells a person to tidy"
    assert f"a:mail.{DOMAIN}" not in left[0].partition("Once it is off: ")[2]


def test_a_policy_that_cannot_be_read_holds_the_switch_back(walk: Walk) -> None:
    walk.town.dns.edit(DOMAIN, rrset(f"_mta-sts.{DOMAIN}", "TXT", 2, '"v=STSv1; id=1;"'))
    [found] = blockers(walk)
    assert "cannot be read" in found.seen and "no address" in found.seen
