"""The list of rights is the one that preflight asks for, and people can read it."""

from pathlib import Path
from typing import Any

from blocks.microsoft365.permissions import CMDLETS, NEEDED, copy_findings
from blocks.partner.access import CONSENT_ROLE
from blocks.partner.relationships import DEFAULT_ROLES
from lab.cloud.contract import CmdletContract
from lab.cloud.login import GRAPH_APP_ROLES, ROLE_RIGHTS
from mailmove.plan.load import load_plan
from mailmove.plan.purchase import Purchase
from mailmove.plan.required_permissions import (
    AWS,
    CMDLET,
    DNS_UPDATE,
    GRAPH,
    PARTNER,
    ROUTE_53,
    consented_scopes,
    explain_permissions,
    names,
    permission_lines,
    permission_page,
)


def test_every_right_says_why_and_how_it_is_proved() -> None:
    rights = explain_permissions()
    assert len({(one.system, one.name, one.need) for one in rights}) == len(rights) > 30
    assert all(one.why and one.proved for one in rights)
    lines = "\n".join(permission_lines(rights))
    assert all(one.name in lines and one.why in lines for one in rights)


def test_preflight_takes_its_names_from_the_list() -> None:
    assert list(NEEDED) == names(GRAPH, "always", "passwords", "passes")
    assert set(CMDLETS) == {one.name for one in explain_permissions(["always"]) if one.system == CMDLET}
    assert set(CMDLETS) <= set(CmdletContract().cmdlets)
    roles = [name for name in names(PARTNER, "partner") if name.startswith("GDAP role")]
    assert len(roles) == len({*DEFAULT_ROLES, CONSENT_ROLE}) and {*DEFAULT_ROLES, CONSENT_ROLE} <= set(ROLE_RIGHTS)
    assert set(consented_scopes()) < set(GRAPH_APP_ROLES), "what we consent to is what the night needs, and exists"


def test_the_page_is_the_list() -> None:
    page = Path("docs/permissions.md").read_text(encoding="utf-8")
    assert page == permission_page(), "make it anew: python -m mailmove.plan.required_permissions > docs/permissions.md"


def test_a_plan_is_told_what_it_needs_and_no_more() -> None:
    plan = load_plan(Path("docs/plan.example.yaml"))
    told = {(one.system, one.name) for one in explain_permissions(plan=plan)}
    assert {system for system, _ in told} >= {ROUTE_53, AWS, PARTNER, GRAPH}
    assert DNS_UPDATE not in {system for system, _ in told}
    assert not [one for one in explain_permissions(plan=plan) if one.need == "purchase"]
    alone = plan.model_copy(update={"target": plan.target.model_copy(update={"partner": None})})
    assert PARTNER not in {one.system for one in explain_permissions(plan=alone)}
    buying = {"market": "GB", "products": [
        {"catalog_item": "CFQ7TTC0LH18:0001:CFQ7TTC0K971", "quantity": 3, "term": "P1M", "billing": "monthly"}
    ]}  # fmt: skip
    with_order = plan.target.model_copy(update={"purchase": Purchase.model_validate(buying)})
    assert [one.name for one in explain_permissions(plan=plan.model_copy(update={"target": with_order}))
            if one.need == "purchase"] == ["Admin Agent or Sales Agent"]  # fmt: skip


def test_a_missing_right_is_named_with_the_link_that_grants_it(town: Any) -> None:
    town.cloud.app.roles -= {"Domain.ReadWrite.All"}
    tenant = town.tenant()
    [found] = [one for one in tenant.findings() if one.blocks]
    assert found.subject == "Domain.ReadWrite.All"
    link = f"{town.cloud.base_url}/{town.cloud.tenant_id}/adminconsent?client_id={town.cloud.app.client_id}"
    assert found.todo.endswith(link)


def test_what_a_copy_of_our_own_needs_is_asked_of_the_token(town: Any) -> None:
    tenant = town.tenant()
    assert not [one for one in tenant.findings() if one.blocks]
    assert copy_findings(lambda: town.tenant()._parts().sign_in.token("https://graph.microsoft.com/.default")) == []
    town.cloud.app.roles -= {"Mail.ReadWrite", "Contacts.ReadWrite"}
    found = copy_findings(lambda: town.tenant()._parts().sign_in.token("https://graph.microsoft.com/.default"))
    assert [one.subject for one in found] == ["Mail.ReadWrite", "Contacts.ReadWrite"]
    town.cloud.app.roles -= {"MailboxFolder.ReadWrite.All"}
    found = copy_findings(lambda: town.tenant()._parts().sign_in.token("https://graph.microsoft.com/.default"))
    assert "MailboxFolder.ReadWrite.All" in {one.subject for one in found}, "with the import, tasks need it"
    town.cloud.app.roles -= {"MailboxItem.ImportExport.All"}
    found = copy_findings(lambda: town.tenant()._parts().sign_in.token("https://graph.microsoft.com/.default"))
    assert {one.subject for one in found} == {"Mail.ReadWrite", "Contacts.ReadWrite"}, "without it, nothing does"
    assert not any(one.blocks for one in found), "a night with Microsoft's batch does without"
