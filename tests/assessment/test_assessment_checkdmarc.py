"""Our verdicts beside checkdmarc's, on the same records from the same name servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import checkdmarc.dmarc
import checkdmarc.mta_sts
import checkdmarc.smtp_tls_reporting
import checkdmarc.spf
import dns.resolver
import pytest
from assessed_zones import CASES, HELPERS, Case

from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.assessment.assess import Assessment, assess
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched

FILES = {case.domain: case.policy_text for case in CASES}


@dataclass
class Both:
    ours: dict[str, Assessment]
    town: TownDns

    def asking(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [self.town.resolvers[0].address], self.town.resolvers[0].port
        return resolver


async def fetch(domain: str) -> Fetched:
    text = FILES[domain]
    return Fetched(error="404") if text is None else Fetched(text)


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with TownDns(Places(), kind="rfc2136", zones={}, resolvers=[HONEST], faults=Faults()) as town:
        for case in CASES:
            town.add_zone(case.domain, case.rrsets())
        town.add_zone("spf-helper.example", HELPERS)
        town.add_zone("example", [])
        port = town.places.dns_port
        resolvers = [(town.resolvers[0].address, port)]

        async def everything() -> list[Assessment]:
            gate = asyncio.Semaphore(3)

            async def one(case: Case) -> Assessment:
                async with gate:
                    return await assess(
                        case.domain, resolvers, dns_port=port, fetch=fetch, selectors=("selector1", "google")
                    )  # 25 selectors each would only cost time here

            return list(await asyncio.gather(*(one(case) for case in CASES)))

        seen = asyncio.run(everything())
        yield Both({one.domain: one for one in seen}, town)


def theirs(case: Case, both: Both) -> dict[str, Any]:
    """checkdmarc's verdicts."""
    how: dict[str, Any] = {"resolver": both.asking(), "timeout": 3.0, "retries": 0}
    return {
        "spf": checkdmarc.spf.check_spf(case.domain, **how),
        "dmarc": checkdmarc.dmarc.check_dmarc(case.domain, **how),
        "mta_sts": their_mta_sts(case.domain, **how),
        "tls_rpt": checkdmarc.smtp_tls_reporting.check_smtp_tls_reporting(case.domain, **how),
    }


def their_mta_sts(domain: str, **how: Any) -> dict[str, Any]:
    """What `checkdmarc.mta_sts.check_mta_sts` does, with the policy file from the same place as ours."""
    try:
        record = checkdmarc.mta_sts.query_mta_sts_record(domain, **how)["record"]
        checkdmarc.mta_sts.parse_mta_sts_record(record)
        text = FILES[domain]
        if text is None:
            raise checkdmarc.mta_sts.MTASTSPolicyDownloadError("404")
        return {"valid": True, "policy": checkdmarc.mta_sts.parse_mta_sts_policy(text)["policy"]}
    except checkdmarc.mta_sts.MTASTSError as error:
        return {"valid": False, "error": str(error)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdicts_agree(case: Case, both: Both) -> None:
    ours, others = both.ours[case.domain], theirs(case, both)
    assert not ours.silent, "every part answered"
    verdicts = {"spf": ours.spf, "dmarc": ours.dmarc, "mta_sts": ours.mta_sts, "tls_rpt": ours.tls_rpt}
    differing = {
        kind: f"ours {verdict} / theirs {others[kind].get('error', 'valid')}"
        for kind, verdict in verdicts.items()
        if (verdict.valid is True) != bool(others[kind]["valid"])
    }
    assert set(differing) == {kind for kind in case.differs if ":" not in kind}, differing
    if verdicts["spf"].valid and others["spf"]["valid"]:
        counted = (ours.spf.facts.lookups, ours.spf.facts.voids)
        theirs_counted = (others["spf"]["dns_lookups"], others["spf"]["void_dns_lookups"])
        assert (counted == theirs_counted) is ("spf:count" not in case.differs), (counted, theirs_counted)
    if verdicts["dmarc"].valid and others["dmarc"]["valid"]:
        assert ours.dmarc.facts.p == others["dmarc"]["tags"]["p"]["value"]
        assert ours.dmarc.facts.location == others["dmarc"]["location"]
    if verdicts["mta_sts"].valid and others["mta_sts"]["valid"]:
        policy, other = ours.mta_sts.facts.policy, others["mta_sts"]["policy"]
        assert policy is not None
        assert (policy.mode, policy.max_age, list(policy.mx)) == (other["mode"], other["max_age"], other["mx"])


def test_enough_domains() -> None:
    assert len(CASES) >= 30 and len({case.domain for case in CASES}) == len(CASES)
