"""Smaller things in which a tenant answers otherwise than one would think."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cutover_walk import Walk, settled, walking
from typer.testing import CliRunner

from blocks.microsoft365.microsoft365 import Microsoft365
from deployments.cli.main import app
from lab.cloud.tenant import CloudDomain
from lab.mail_store import Mailbox
from mailmove.errors import Blocked, NotYet
from mailmove.smtp.other_ways import OTHER_WAYS
from tasks.stages import license_mailboxes, verify_domain

pytestmark = pytest.mark.timeout(240)
SMALL: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}
DOMAIN, ANNA = "northwind.example", "anna@northwind.example"
UNMANAGED, MENDED = "hostile.unmanaged_tenant", "nobody administers it"


@pytest.fixture
def walk() -> Iterator[Walk]:
    with walking({"verify_domain"}, **SMALL) as walk:
        yield walk


def tenant(walk: Walk, **changed: Any) -> Microsoft365:
    return Microsoft365(**{**dict(walk.memory.blocks["microsoft365/northwind"]), **changed})


def test_dkim_keys_have_2048_bits(walk: Walk) -> None:
    lab = walk.town.cloud.tenant
    lab.domains[DOMAIN] = CloudDomain(DOMAIN, verified=True, services=["Email"])
    assert tenant(walk).dkim.prepare(DOMAIN)
    assert lab.dkim_key_sizes == {DOMAIN: 2048}


def test_a_usage_location_is_left_and_said_and_the_licence_goes_back(walk: Walk) -> None:
    walk.town.faults.set("hostile.usage_location_stays")
    lab = walk.town.cloud.tenant
    user = lab.add_user(ANNA, "Anna", "mailmove")
    user.has_mailbox = True
    lab.store.add_mailbox(Mailbox(ANNA, ANNA))
    walk.do(license_mailboxes.apply.fn, walk.plan)
    assert (user.usage_location, len(user.skus)) == ("GB", 1)
    undone = walk.do(license_mailboxes.rollback.fn, walk.plan, walk.ledger.receipt("license_mailboxes"))
    assert (user.usage_location, len(user.skus)) == ("GB", 0)
    [line] = undone.remains
    assert ANNA in line and "takes none back" in line
    again = walk.do(license_mailboxes.rollback.fn, walk.plan, walk.ledger.receipt("license_mailboxes"))
    assert again.changes == []


def test_who_had_a_location_gets_that_one_back(walk: Walk) -> None:
    lab = walk.town.cloud.tenant
    user = lab.add_user(ANNA, "Anna", "mailmove")
    user.has_mailbox, user.usage_location = True, "DE"
    lab.store.add_mailbox(Mailbox(ANNA, ANNA))
    walk.do(license_mailboxes.apply.fn, walk.plan)
    assert user.usage_location == "GB"
    undone = walk.do(license_mailboxes.rollback.fn, walk.plan, walk.ledger.receipt("license_mailboxes"))
    assert (user.usage_location, undone.remains) == ("DE", [])


def test_only_writable_services_are_written_and_exchange_is_waited_for(walk: Walk) -> None:
    walk.town.faults.set("hostile.services_writable")
    settled(lambda: walk.do(verify_domain.apply.fn, walk.plan))
    looks = 0
    while True:
        try:
            walk.do(verify_domain.verify.fn, walk.plan)
        except NotYet as error:
            looks += "among the domains that Exchange takes mail for" in str(error)
        else:
            break
    assert looks == 2 and walk.town.cloud.tenant.domains[DOMAIN].services == ["Email"]


@pytest.mark.parametrize("given", [{}, {"exchange_by": "powershell"}])
def test_an_organisation_is_named_by_its_initial_domain(walk: Walk, given: dict[str, Any]) -> None:
    block = tenant(walk, **given)
    connection = block._connection(block._parts().graph)
    assert connection["Organization"] == walk.town.cloud.initial_domain


def test_a_domain_in_an_unmanaged_tenant_is_told_before_the_night_and_mended(walk: Walk) -> None:
    walk.town.faults.set(UNMANAGED)
    [found] = [one for one in walk.do(verify_domain.check.fn, walk.plan).findings if DOMAIN in one.subject]
    assert MENDED in found.seen and "Take it over" in found.todo and found.needs_action
    settled(lambda: walk.do(verify_domain.apply.fn, walk.plan))
    with pytest.raises(Blocked, match="Take it over"):
        settled(lambda: walk.do(verify_domain.verify.fn, walk.plan))
    walk.town.cloud.customer_takes_over_domain()
    settled(lambda: walk.do(verify_domain.verify.fn, walk.plan))
    assert walk.do(verify_domain.check.fn, walk.plan).findings == []


def test_without_credentials_it_is_told_as_well(walk: Walk, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text(walk.town.authority.pem, encoding="utf-8")
    words = ["preflight", "--domain", DOMAIN, "--login-url", walk.town.cloud.base_url, "--ca", str(root)]
    words += ["--resolver", walk.town.dns.resolver_addresses[0]]
    assert "Microsoft knows no tenant" in CliRunner().invoke(app, words).stdout
    walk.town.faults.set(UNMANAGED)
    assert MENDED in CliRunner().invoke(app, words).stdout
    walk.town.cloud.tenant.domains[DOMAIN] = CloudDomain(DOMAIN, verified=True)
    shown = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["holder"]
    assert shown["kind"] == "managed" and shown["tenant_id"] == walk.town.cloud.tenant_id


def test_another_tenant_and_a_registrars_stand_in_the_way(walk: Walk) -> None:
    """By our own tenant's public answer, asked for by a block of another tenant."""
    walk.town.cloud.tenant.domains[DOMAIN] = CloudDomain(DOMAIN, verified=True)
    other = tenant(walk, tenant_id="00000000-0000-0000-0000-000000000001").domains.holder(DOMAIN)
    assert (
        other.kind == "managed" and walk.town.cloud.tenant_id in other.words() and "remove the domain" in other.todo()
    )
    assert tenant(walk).domains.holder(DOMAIN).kind == "none", "ours is nobody else's"
    nobody = tenant(walk, login_url="https://127.0.0.1:9").domains.holder(DOMAIN)
    assert nobody.kind == "" and nobody.words().startswith("not seen")


def test_what_printers_are_advised_is_of_this_year() -> None:
    assert "December 2026" in OTHER_WAYS and "High Volume Email" in OTHER_WAYS and "direct send" in OTHER_WAYS
    runbook = Path("mailmove/report/templates/runbook.html").read_text(encoding="utf-8")
    assert "100 recipients outside" in runbook and "5,000 from a trial" in runbook
