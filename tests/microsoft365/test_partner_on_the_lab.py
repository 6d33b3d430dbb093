"""The partner's block against the lab's Microsoft: invitation, approval, and work in the customer's tenant."""

import pytest
from cloud_town import Town
from pydantic import SecretStr

from blocks.partner.access import CONSENT_ROLE
from blocks.partner.relationships import DEFAULT_ROLES
from mailmove.errors import Blocked, NotYet, Refused

NAME = "Mailmove northwind"


def test_invitation_approval_and_work_in_the_customers_tenant(town: Town) -> None:
    partner = town.partner()
    assert partner.findings() == []
    assert partner.relationship(NAME) is None
    invited = partner.invite(NAME)
    assert invited.status == "approvalPending"
    assert invited.approval_link.endswith(f"/granularAdminRelationships/{invited.id}")
    assert invited.customer_tenant_id is None
    assert partner.invite(NAME) == invited  # once only
    [made] = town.cloud.tenant.relationships.values()
    assert (made.roles, made.duration, made.auto_extend) == ([*DEFAULT_ROLES, CONSENT_ROLE], "P90D", "PT0S")

    own = town.cloud.partner
    customer = town.tenant(
        client_id=own.client_id,
        certificate=None,
        client_secret=SecretStr(own.secret),
        refresh_token=SecretStr(own.refresh_token),
    )
    with pytest.raises(Refused, match="GDAP"):
        customer.users.licences()
    assert town.cloud.customer_approves() == [invited.id]
    active = partner.relationship(NAME)
    assert active is not None
    assert (active.status, active.customer_tenant_id) == ("active", town.cloud.tenant_id)
    with pytest.raises(Refused, match="50020"):
        customer.users.licences()  # nobody of ours holds a role there so far
    assert list(partner.missing_access(active)) == [
        f"roles of '{NAME}' for group {own.group}",
        f"consent to our application in tenant {town.cloud.tenant_id}",
    ]
    with pytest.raises(NotYet, match="pending"):
        partner.give_access(active)
    assert list(partner.missing_access(active)) == [f"consent to our application in tenant {town.cloud.tenant_id}"]
    with pytest.raises(Refused, match="65001"):
        customer.users.licences()
    partner.give_access(active)  # goes on where that one stopped
    partner.give_access(active)
    assert partner.missing_access(active) == {}
    assert customer.users.licences()
    assert customer.mailboxes.kinds() == {}  # Exchange too, with the partner's anchor
    town.faults.set("login.claims_challenge", times=1)
    assert customer.users.licences()

    partner.end_access(active)
    partner.end_access(active)
    assert town.cloud.tenant.consents == {}
    partner.withdraw(active.id)
    partner.withdraw(active.id)
    assert partner.relationship(NAME) is None
    again = partner.invite(NAME)  # the name of one that has ended is not to be had again
    assert (again.display_name, again.status) == (f"{NAME} 2", "approvalPending")
    assert partner.relationship(NAME) == again == partner.invite(NAME)
    assert partner.relationship("Mailmove") is None


def test_an_invitation_goes_on_where_it_stopped(town: Town) -> None:
    partner = town.partner()
    partner._parts().relationships._create(NAME)  # and then kill -9
    left = partner.relationship(NAME)
    assert left is not None
    assert left.status == "created"
    again = town.partner().invite(NAME)
    assert (again.id, again.status) == (left.id, "approvalPending")
    with pytest.raises(Blocked, match="approvalPending"):
        partner.withdraw(again.id)
    partner._parts().relationships._create("other")
    other = partner.relationship("other")
    assert other is not None
    partner.withdraw(other.id)
    assert partner.relationship("other") is None
    partner.withdraw(other.id)


def test_the_reseller_link_and_who_may_not_have_it(town: Town) -> None:
    assert town.partner().reseller_link().startswith("https://admin.microsoft.com/")
    wrong = town.partner(refresh_token=SecretStr("t0ken-wrong"))
    with pytest.raises(Refused) as caught:
        wrong.reseller_link()
    assert "t0ken-wrong" not in str(caught.value)
    assert [one.blocks for one in wrong.findings()] == [True, True]
    with pytest.raises(Blocked, match="characters"):
        town.partner().invite("x" * 51)
