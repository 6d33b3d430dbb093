"""Names with letters outside ASCII: accepted in any form, `xn--` inside, both forms shown.

Source: certbot 1759, dnscontrol 2450.
"""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from fake_blocks import a_plan
from typer.testing import CliRunner
from zone_world import settled, zone_world

from deployments.cli.main import app
from lab.dns.zone_data import rrset
from mailmove.changes import Change, ChangeKind, DomainSubject, RecordSetSubject
from mailmove.dns.assessment.assess import assess
from mailmove.dns.zone.desired import switch_changes
from mailmove.dns.zone.findings import findings
from mailmove.domain_names import shown, to_ascii, to_unicode
from mailmove.errors import BadPlan
from mailmove.plan.load import plan_from
from mailmove.records import RRset, zone_of

MULLER = "xn--mller-kva.example"
SPELLINGS = {
    "müller.example": MULLER,
    "MÜLLER.Example.": MULLER,
    unicodedata.normalize("NFD", "müller.example"): MULLER,
    MULLER: MULLER,
    MULLER.upper(): MULLER,
    " müller.example ": MULLER,
    "müller。example": MULLER,
    "straße.example": "xn--strae-oqa.example",
    "STRAẞE.example": "xn--strae-oqa.example",
    "日本.example": "xn--wgv71a.example",
    "пример.example": "xn--e1afmkfd.example",
}


def data_with(domain: str) -> dict[str, object]:
    plan = a_plan().model_dump(mode="json")
    host = f"mail.{domain.strip()}"
    source = {**plan["source"], "outlook_anywhere_host": host, "smtp_host": host}
    probes = {**plan["probes"], "mailbox": f"anna@{domain.strip()}"}
    return {**plan, "domains": [domain], "source": source, "probes": probes}


@pytest.mark.parametrize("written", [name for name in SPELLINGS if "_" not in name])
def test_a_plan_takes_every_spelling(written: str) -> None:
    plan = plan_from(data_with(written))
    inside = SPELLINGS[written]
    assert (plan.domains, plan.domain) == ([inside], inside)
    assert plan.source.outlook_anywhere_host == plan.source.smtp_host == f"mail.{inside}"
    assert plan.probes.mailbox == f"anna@{inside}"


def test_two_spellings_of_one_domain_are_named_twice() -> None:
    with pytest.raises(BadPlan, match="named twice"):
        plan_from({**data_with("müller.example"), "domains": ["müller.example", MULLER]})


@pytest.mark.parametrize(
    "written", ["☃.example", "a\u200db.example", "ü", "mül ler.example", "-ü.example", "ü" * 70 + ".de"]
)
def test_what_no_registry_allows_is_a_fault_of_the_plan(written: str) -> None:
    with pytest.raises(BadPlan, match="is not a DNS name"):
        plan_from({**data_with("müller.example"), "domains": [written]})


def test_both_forms_are_shown() -> None:
    assert shown(MULLER) == f"müller.example ({MULLER})" and shown("kunde.example") == "kunde.example"
    assert to_unicode(MULLER) == "müller.example" and to_ascii("müller.example") == MULLER
    assert to_unicode("xn--a.example") == "xn--a.example", "somebody's own idea of a name"
    domain = Change(kind=ChangeKind.DOMAIN, subject=DomainSubject(domain=MULLER), before=None, after="added")
    record = Change(kind=ChangeKind.RECORD_SET, subject=RecordSetSubject(name=f"{MULLER}.", type="MX"))
    assert "müller.example" in domain.words and MULLER in domain.words
    assert "müller.example" in record.words and MULLER in record.words
    zone = zone_of([RRset(name=f"{MULLER}.", type="MX", ttl=60, values=("10 mail.müller.example",))])
    assert zone[f"{MULLER}.", "MX"].values == (f"10 mail.{MULLER}.",)
    found = findings(zone, MULLER)
    assert any("müller.example" in finding.subject and MULLER in finding.subject for finding in found)


def test_the_zone_is_read_switched_and_assessed() -> None:
    sets = [rrset(f"{MULLER}.", "MX", 3600, f"10 mail.{MULLER}."), rrset(f"mail.{MULLER}.", "A", 3600, "192.0.2.25")]
    with zone_world(sets, zone=MULLER) as world:
        zone = world.by_update.read_zone("müller.example")
        asked = [RRset(name="müller.example", type="MX", ttl=3600, values=("0 x.mail.protection.outlook.com",))]
        world.by_update.apply(f"{MULLER}.", switch_changes(zone, "müller.example", asked))
        assert settled(lambda: world.by_hand.read_zone("müller.example"))[f"{MULLER}.", "MX"] == asked[0]
        seen = asyncio.run(assess("MÜLLER.example", world.resolvers, dns_port=world.port, deadline=20))
        assert seen.domain == MULLER and seen.mx == ("0 x.mail.protection.outlook.com.",)
        assert seen.lines()[0].startswith(f"müller.example ({MULLER})")


def test_the_command_line_takes_the_name_and_says_what_is_wrong_with_another() -> None:
    result = CliRunner().invoke(app, ["check-server", "☃.example"])
    assert result.exit_code == 2 and "not a DNS name" in result.output
