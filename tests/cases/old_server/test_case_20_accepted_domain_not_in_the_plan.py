"""Accepted domains beside the plan's. Source: ingogegenwarth (NotAcceptedDomainException), dirteam.com."""

from __future__ import annotations

import pytest
from case_world import DOMAIN
from fake_blocks import SOURCE, a_plan
from memory_engine import MemoryEngine
from shell_world import VERSIONS, shell_world

from lab.mail_store import Mailbox
from mailmove.evidence import Finding
from mailmove.inventory.findings import findings_of
from mailmove.inventory.full import AcceptedDomain, FullInventory, Group
from mailmove.inventory.server import SourceMailbox
from tasks.engine.current import running_on
from tasks.preflight.inventory import check_inventory

BOXES = [
    Mailbox(
        f"anna@{DOMAIN}", "Anna", aliases=("anna@tochter.example", "anna@kunde.local"), legacy_exchange_dn="/o=k/cn=a"
    ),
    Mailbox("bert@tochter.example", "Bert", aliases=("bert@kunde.local",), legacy_exchange_dn="/o=k/cn=b"),
]
TYPES = {
    DOMAIN: "Authoritative", "tochter.example": "Authoritative", "kunde.local": "Authoritative",
    "partner.example": "ExternalRelay", "filiale.example": "InternalRelay",
    "kunde.mail.onmicrosoft.com": "Authoritative",
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_preflight_is_blocked_by_name_with_the_addresses_that_live_there(version: str) -> None:
    with shell_world(BOXES, version=version, domain_types=TYPES) as w:
        plan = a_plan(propagation={"resolvers": ["127.0.0.1:9"]}).model_copy(update={"domains": [DOMAIN]})
        with running_on(MemoryEngine(blocks={SOURCE: w.server})):
            preview = check_inventory.fn(plan).preview
    blocking = {finding.subject: finding for finding in preview.blockers}
    assert blocking.keys() == {"tochter.example", "partner.example", "filiale.example"}
    assert "primary addresses: bert@tochter.example" in blocking["tochter.example"].seen
    assert "other addresses: anna@tochter.example" in blocking["tochter.example"].seen
    assert "ExternalRelay" in blocking["partner.example"].seen and "nobody" in blocking["partner.example"].seen
    [inner] = [finding for finding in preview.findings if finding.subject == "kunde.local"]
    assert not inner.needs_action and "anna@kunde.local, bert@kunde.local" in inner.seen
    assert not [finding for finding in preview.findings if "onmicrosoft" in finding.subject]


def domains(
    *names: str, planned: tuple[str, ...] = (DOMAIN,), box: str = f"a@{DOMAIN}", group: str = ""
) -> list[Finding]:
    inventory = FullInventory(
        server="S",
        version="14.3.1.1",
        mailboxes=[SourceMailbox(address=box, display_name="a", kind="user")],
        groups=[Group(address=group, display_name="g", kind="distribution")] if group else [],
        accepted_domains=[AcceptedDomain(name=name, kind="Authoritative") for name in names],
    )
    return [finding for finding in findings_of(inventory, planned) if "accepted domain" in finding.seen]


def test_domains_of_the_plan_are_no_finding_however_they_are_written() -> None:
    assert domains(DOMAIN.upper().lower(), "xn--mller-kva.example", planned=(DOMAIN, "müller.example")) == []


def test_an_address_of_the_inner_network_that_is_all_somebody_has_is_in_the_way() -> None:
    [finding] = domains("kunde.local", box="bert@kunde.local")
    assert finding.blocks and "bert@kunde.local" in finding.todo


def test_groups_live_there_too_and_names_below_a_star() -> None:
    [finding] = domains("alt.example", group="alle@alt.example")
    assert "alle@alt.example" in finding.seen and finding.blocks
    [below] = domains(f"*.{DOMAIN}", group=f"alle@berlin.{DOMAIN}")
    assert f"alle@berlin.{DOMAIN}" in below.seen
    assert domains(f"*.{DOMAIN}") == []


def test_without_a_plan_nothing_is_said_of_domains() -> None:
    inventory = FullInventory(
        server="S", version="14.3.1.1", mailboxes=[], accepted_domains=[AcceptedDomain(name="x.example", kind="")]
    )
    assert findings_of(inventory) == []
