"""Zones of every kind: what a receiver of their mail would find is found, and nothing else stands in the way."""

from __future__ import annotations

import pytest
from model_net import How, ModelNet, in_own_time
from zone_kinds import AUTHORITIES, KINDS, RESOLVERS, Kind

from mailmove.dns.assessment.assess import Assessment, assess
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched


async def no_file(domain: str) -> Fetched:
    return Fetched(error="nothing there")


def assessed(kind: Kind) -> Assessment:
    resolvers: dict[str, How] = {**dict.fromkeys(RESOLVERS, "answers"), **kind.resolvers}
    authorities: dict[str, How] = {**dict.fromkeys(AUTHORITIES, "answers"), **kind.authorities}
    differing = {AUTHORITIES[1]: kind.second} if kind.second else {}
    net = ModelNet(kind.records, resolvers, authorities, differing=differing)
    servers = [(address, 53) for address in RESOLVERS]

    async def work() -> Assessment:
        return await assess("contoso.test", servers, fetch=no_file, ways=net.ways(), selectors=("google", "s1"))

    return in_own_time(work())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kind(kind: Kind) -> None:
    seen = assessed(kind)
    text = "\n".join(seen.lines())
    wanted = {(subject.lstrip("!"), words): subject.startswith("!") for subject, words in kind.finds}
    for (subject, words), blocks in wanted.items():
        fitting = [
            finding for finding in seen.findings if finding.subject.startswith(subject) and words in finding.seen
        ]
        assert fitting and all(finding.blocks == blocks for finding in fitting), text
    blocking = {finding.subject for finding in seen.findings if finding.blocks}
    expected = [subject for (subject, _), blocks in wanted.items() if blocks]
    assert all(any(subject.startswith(words) for words in expected) for subject in blocking), text
    assert not [words for words in kind.never if words in text], text
    assert seen.complete is kind.complete, text
    assert all(finding.means and finding.todo for finding in seen.findings)


def test_enough_kinds() -> None:
    assert len(KINDS) >= 40 and len({kind.name for kind in KINDS}) == len(KINDS)
