"""The stage that gets a certificate: a real ACME server, the plan's DNS provider, and the old server's own shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cutover_walk import SMALL, Walk, differing, walking
from pebble import Pebble, pebble
from stage_promises import keeps_its_promises
from wire_tap import tapped

from blocks.certificate.acme import AcmeAuthority
from lab.dns.zone_data import rrset
from lab.town import DOMAIN, Town
from mailmove.changes import ChangeKind
from mailmove.evidence import Preview
from tasks.runbook import stage_named
from tasks.stages import obtain_certificate

HOST = f"remote.{DOMAIN}"  # which the town's own certificate does not cover
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def authority(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble"), town.resolvers[0]) as made:
        yield made


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town(**SMALL, dns="rfc2136") as made:
        made.dns.edit(DOMAIN, rrset(HOST, "A", 1, made.places.old_server))
        yield made


@pytest.fixture(scope="module")
def walk(town: Town, authority: Pebble) -> Iterator[Walk]:
    with walking(on=town) as made:
        source = made.plan.source.model_copy(
            update={"outlook_anywhere_host": HOST, "obtain_certificate": "acme-authority/pebble"}
        )
        made.plan = made.plan.model_copy(update={"source": source})
        acme = AcmeAuthority(directory_url=authority.directory, extra_ca=authority.ca)
        server = made.memory.blocks["exchange-server/northwind"]
        server.extra_ca = town.authority.pem + authority.root
        made.memory.blocks["acme-authority/pebble"] = acme
        yield made


def test_it_keeps_the_promises_of_a_stage(walk: Walk, authority: Pebble) -> None:
    keeps_its_promises(walk, stage_named("obtain_certificate"))
    assert authority.orders() == 1, "what was issued once is used again"
    shown = [one for one in walk.town.old.state.settings["certificates"].values() if "IIS" in one["Services"]]
    assert sorted(shown[0]["CertificateDomains"]) == sorted([HOST, f"autodiscover.{DOMAIN}"])
    assert not [path for path in walk.picture() if "_acme-challenge" in path], "the proofs are gone"
    written = str([entry.model_dump(mode="json") for entry in walk.ledger.entries()])
    assert "PRIVATE KEY" not in written and "BEGIN" not in written


def test_off_by_default_it_does_nothing(walk: Walk) -> None:
    source = walk.plan.source.model_copy(update={"obtain_certificate": None})
    plan = walk.plan.model_copy(update={"source": source})
    before = walk.picture()
    with tapped() as heard:
        preview: Preview = walk.do(obtain_certificate.check.fn, plan)
        assert preview.changes == [] and preview.findings == []
        assert walk.do(obtain_certificate.verify.fn, plan).facts == ["the plan leaves the certificate alone"]
    assert heard == [] and differing(before, walk.picture()) == set()


def test_a_name_outside_the_plans_zones_blocks(walk: Walk, tmp_path: Path) -> None:
    walk.town.dns.add_zone("elsewhere.example", [rrset("mail.elsewhere.example", "A", 1, walk.town.places.old_server)])
    source = walk.plan.source.model_copy(update={"outlook_anywhere_host": "mail.elsewhere.example"})
    preview: Preview = walk.do(obtain_certificate.check.fn, walk.plan.model_copy(update={"source": source}))
    assert "mail.elsewhere.example lies outside" in preview.blockers[0].seen


def test_a_missing_windows_feature_is_installed_and_removed_again(walk: Walk) -> None:
    """Outlook Anywhere's own stage, on a server that lacks the RPC proxy."""
    state = walk.town.old.state
    state.settings["rpc_proxy_feature"] = False
    first = walk.picture()
    stage = stage_named("enable_outlook_anywhere")
    keeps_its_promises(walk, stage)
    assert state.settings.get("rpc_proxy_feature") is None
    receipt = walk.ledger.receipt("enable_outlook_anywhere")
    assert [change.kind for change in receipt.changes] == [ChangeKind.RPC_PROXY_FEATURE, ChangeKind.OUTLOOK_ANYWHERE]
    walk.until(stage.module.rollback.fn, walk.plan, receipt)
    assert walk.picture() == first
