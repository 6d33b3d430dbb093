"""How the tenant judges mail into it is read before the night, and said; what is not shown is not absent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cutover_walk import Walk, walking

from lab.cloud.cmdlets.organization_cmdlets import connector
from lab.cloud.tenant import CloudDomain
from mailmove.evidence import Finding
from mailmove.smtp.redeliver import redeliver
from mailmove.tenant_state import MailRules
from tasks.items.redeliver import _senders
from tasks.preflight.mail_judged import check_mail_judged, findings_of

pytestmark = pytest.mark.timeout(240)
SMALL: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with walking(**SMALL) as walk:
        yield walk


@pytest.fixture(autouse=True)
def friendly(walk: Walk) -> Iterator[None]:
    yield
    walk.town.faults.clear()
    walk.town.cloud.tenant.connectors.clear()
    walk.town.cloud.app.roles.add("Exchange.ManageAsApp")


def judged(walk: Walk) -> dict[str, Finding]:
    found: list[Finding] = walk.do(check_mail_judged.fn, walk.plan).findings
    return {finding.subject: finding for finding in found}


def test_a_friendly_tenant_only_honours_dmarc(walk: Walk) -> None:
    assert list(judged(walk)) == ["DMARC"] and not judged(walk)["DMARC"].needs_action


def test_direct_send_is_said_and_what_we_deliver_ourselves_is_taken(walk: Walk) -> None:
    walk.town.faults.set("hostile.reject_direct_send")
    assert "5.7.68" in judged(walk)["direct send"].means
    domain = walk.plan.domains[0]
    walk.town.cloud.tenant.domains[domain] = CloudDomain(domain, verified=True, services=["Email"])
    mx = (walk.town.places.cloud, walk.town.places.smtp_port)
    content = b"Message-ID: <x@y.example>\r\nSubject: x\r\n\r\nx\r\n"
    with pytest.raises(Exception, match=r"5\.7\.68"):
        redeliver(content, sender=f"anna@{domain}", recipient=f"ben@{domain}", mx=mx, helo="mail.example")
    with pytest.raises(Exception, match=r"5\.4\.1"):  # taken so far; there is no such mailbox yet
        redeliver(content, sender="", recipient=f"ben@{domain}", mx=mx, helo="mail.example")


def test_stragglers_of_the_companys_own_people_bear_no_sender_that_the_tenant_refuses() -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    arrivals = [
        SimpleNamespace(message_id="<1@x>", sender="<Anna@Northwind.example>"),
        SimpleNamespace(message_id="<2@x>", sender="eva@fabrikam.example"),
    ]
    source = SimpleNamespace(arrivals=lambda since: arrivals)
    context: Any = SimpleNamespace(source=source, plan=SimpleNamespace(domains=["northwind.example"]))
    item: Any = SimpleNamespace(received=at)
    assert _senders(context, [item]) == {"<1@x>": "", "<2@x>": "eva@fabrikam.example"}


def test_connectors_are_named_and_none_of_type_onpremises_is_advised(walk: Walk) -> None:
    walk.town.faults.set("hostile.inbound_connectors")
    found = judged(walk)
    old, partner = found["inbound connector 'From the old Exchange'"], found["inbound connector 'Factoring house'"]
    assert "4.7.230" in old.means and "disable" in old.todo and not old.blocks
    assert not partner.blocks
    assert "1 in Microsoft's report" in found["servers that are too old"].seen
    advice = " ".join(finding.todo for finding in found.values())
    assert "New-InboundConnector" not in advice and "OnPremises" not in advice


@pytest.mark.parametrize("kind", ["Partner", "OnPremises"])
def test_a_door_that_takes_mail_of_one_filter_alone_stops_the_switch(walk: Walk, kind: str) -> None:
    lock = connector("Only by the filter", kind=kind, addresses=["198.51.100.7"])
    walk.town.cloud.tenant.connectors.append(lock | {"RestrictDomainsToIPAddresses": True})
    assert judged(walk)["inbound connector 'Only by the filter'"].blocks
    lock = walk.town.cloud.tenant.connectors.pop() | {"Enabled": False}
    walk.town.cloud.tenant.connectors.append(lock)
    assert list(judged(walk)) == ["DMARC"], "disabled, it stands in nobody's way"


def test_quarantine_is_said_with_where_to_look(walk: Walk) -> None:
    walk.town.faults.set("hostile.spoof_policies")
    found = judged(walk)
    for subject in ("spoof policy", "spam policy"):
        assert "quarantine" in found[subject].seen and "Nobody is told" in found[subject].means
        assert "security.microsoft.com/quarantine" in found[subject].todo


def test_what_our_role_does_not_show_is_not_seen(walk: Walk) -> None:
    walk.town.cloud.app.roles.discard("Exchange.ManageAsApp")
    found = judged(walk).values()
    assert found and all(finding.seen.startswith("not seen") and not finding.blocks for finding in found)


def test_a_row_that_cannot_be_read_hides_no_other(walk: Walk) -> None:
    walk.town.faults.set("hostile.reject_direct_send")
    walk.town.cloud.tenant.connectors.append({"Name": ["two", "names"], "Enabled": True})
    found = judged(walk)
    assert found["Get-InboundConnector"].seen.startswith("not seen") and "direct send" in found


def test_an_organisation_without_the_property_has_not_said_no() -> None:
    [finding] = findings_of(MailRules(unseen={"Get-OrganizationConfig": "no `RejectDirectSend`"}))
    assert finding.seen.startswith("not seen") and "not the same as no rule" in finding.means
