"""The list of rights is the one that preflight asks for, and people can read it."""

from typing import Any

from blocks.partner.relationships import DEFAULT_ROLES
from blocks.target.permissions import CMDLETS, NEEDED, copy_findings
from lab.cloud.contract import CmdletContract
from lab.cloud.login import ROLE_RIGHTS
from mailmove.rights import CMDLET, GRAPH, PARTNER, explain_permissions, names, permission_lines


def test_every_right_says_why_and_how_it_is_proved() -> None:
    rights = explain_permissions()
    assert len({(one.system, one.name, one.need) for one in rights}) == len(rights) > 30
    assert all(one.why and one.proved for one in rights)
    lines = "\n".join(permission_lines(rights))
    assert all(one.name in lines and one.why in lines for one in rights)


def test_preflight_takes_its_names_from_the_list() -> None:
    assert list(NEEDED) == names(GRAPH)
    assert set(CMDLETS) == {one.name for one in explain_permissions(["always"]) if one.system == CMDLET}
    assert set(CMDLETS) <= set(CmdletContract().cmdlets)
    roles = [name for name in names(PARTNER, "partner") if name.startswith("GDAP role")]
    assert len(roles) == len(DEFAULT_ROLES) and set(DEFAULT_ROLES) <= set(ROLE_RIGHTS)


def test_what_a_copy_of_our_own_needs_is_asked_of_the_token(town: Any) -> None:
    tenant = town.tenant()
    assert not [one for one in tenant.findings() if one.blocks]
    assert copy_findings(lambda: town.tenant()._parts().sign_in.token("https://graph.microsoft.com/.default")) == []
    town.cloud.app.roles -= {"Mail.ReadWrite", "Contacts.ReadWrite"}
    found = copy_findings(lambda: town.tenant()._parts().sign_in.token("https://graph.microsoft.com/.default"))
    assert [one.subject for one in found] == ["Mail.ReadWrite", "Contacts.ReadWrite"]
    assert not any(one.blocks for one in found), "a night with Microsoft's batch does without"
