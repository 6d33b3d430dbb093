"""A tenant that opens in the course of the cutover: preflight says so; its rights are proved when it has opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cutover_walk import Walk, settled, walking
from pydantic import SecretStr
from test_partner_stages import QUIET, plan_of

from lab.town import CUSTOMER
from mailmove.errors import Blocked
from tasks.preflight.permissions import CLOSED, check_rights, stages_to_check
from tasks.runbook import STAGES
from tasks.stages import onboard_customer

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def closed() -> Iterator[Walk]:
    """The tenant's block is the partner's user, who is let in by the relationship only."""
    with walking(**QUIET) as walk:
        reference = f"microsoft365/{CUSTOMER}"
        partner = walk.town.cloud.partner
        changed = {
            "client_id": partner.client_id,
            "client_secret": SecretStr(partner.secret),
            "certificate": None,
            "refresh_token": SecretStr(partner.refresh_token),
        }
        walk.memory.blocks[reference] = walk.memory.blocks[reference].model_copy(update=changed)
        yield walk


def test_preflight_goes_as_far_as_it_can_and_the_rest_is_proved_later(closed: Walk) -> None:
    town, plan, run = closed.town, closed.plan, closed
    rights = run.do(check_rights.fn, plan)
    assert rights.blockers == []
    [found] = [one for one in rights.findings if one.subject == CLOSED]
    assert "AADSTS50020" in found.seen and "onboard_customer" in found.todo
    names = [stage.name for stage in stages_to_check(rights)]
    assert names == [stage.name for stage in STAGES][: len(names)] and names[-1] == "onboard_customer"

    run.do(onboard_customer.apply.fn, plan)
    town.cloud.customer_approves()
    with pytest.raises(Blocked, match="opens nobody else's mailbox"):  # a person's token; preflight would have said so
        settled(lambda: run.do(onboard_customer.verify.fn, plan))
    rights = run.do(check_rights.fn, plan)
    assert {one.subject for one in rights.blockers} == {
        "Mail.ReadBasic.All",
        "Calendars.ReadBasic.All",
        "Contacts.Read",
    }
    assert stages_to_check(rights) == list(STAGES), "it is open now"


def test_a_tenant_that_lacks_a_right_and_is_open_still_stops_the_cutover(closed: Walk) -> None:
    alone = plan_of(closed.town, partner=None)
    assert closed.do(check_rights.fn, alone).blockers


def test_a_plan_that_sets_no_passwords_needs_no_right_to() -> None:
    with walking(**QUIET) as run:
        town = run.town
        right = "User-PasswordProfile.ReadWrite.All"
        town.cloud.app.roles -= {right}
        plan = plan_of(town, partner=None)
        assert [one.subject for one in run.do(check_rights.fn, plan).blockers] == [right]
        without = plan.model_copy(update={"target": plan.target.model_copy(update={"first_sign_in": False})})
        assert run.do(check_rights.fn, without).blockers == []
