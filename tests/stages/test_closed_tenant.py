"""A tenant that opens in the course of the night: preflight says so, and its rights are proved when it has opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from night_walk import FlowRunOpen, settled
from pydantic import SecretStr
from test_partner_stages import QUIET, plan_of

from blocks.microsoft365.microsoft365 import Microsoft365
from lab.town import CUSTOMER, Town
from lab.town_blocks import save_blocks
from mailmove.errors import Blocked
from mailmove.plan.cutover import Cutover
from tasks.preflight.permissions import CLOSED, check_rights, stages_to_look_at
from tasks.runbook import STAGES
from tasks.stages import onboard_customer

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def closed(prefect_server: None) -> Iterator[tuple[Town, Cutover, FlowRunOpen]]:
    """The tenant's block is the partner's user, who is let in by the relationship only."""
    with Town(**QUIET, approve_after=None) as town, FlowRunOpen() as run:
        save_blocks(town)
        own = Microsoft365.load(CUSTOMER)
        partner = town.cloud.partner
        changed = {
            "client_id": partner.client_id,
            "client_secret": SecretStr(partner.secret),
            "certificate": None,
            "refresh_token": SecretStr(partner.refresh_token),
        }
        own.model_copy(update=changed).save(CUSTOMER, overwrite=True)
        yield town, plan_of(town), run


def test_preflight_goes_as_far_as_it_can_and_the_rest_is_proved_later(
    closed: tuple[Town, Cutover, FlowRunOpen],
) -> None:
    town, plan, run = closed
    rights = run.do(check_rights.fn, plan)
    assert rights.blockers == []
    [found] = [one for one in rights.findings if one.subject == CLOSED]
    assert "AADSTS50020" in found.seen and "onboard_customer" in found.todo
    names = [stage.name for stage in stages_to_look_at(rights)]
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
    assert stages_to_look_at(rights) == list(STAGES), "it is open now"


def test_a_tenant_that_lacks_a_right_and_is_open_still_stops_the_night(
    closed: tuple[Town, Cutover, FlowRunOpen],
) -> None:
    town, _, run = closed
    alone = plan_of(town, partner=None)
    assert run.do(check_rights.fn, alone).blockers


def test_a_plan_that_sets_no_passwords_needs_no_right_to(prefect_server: None) -> None:
    with Town(**QUIET) as town, FlowRunOpen() as run:
        save_blocks(town)
        right = "User-PasswordProfile.ReadWrite.All"
        town.cloud.app.roles -= {right}
        plan = plan_of(town, partner=None)
        assert [one.subject for one in run.do(check_rights.fn, plan).blockers] == [right]
        without = plan.model_copy(update={"target": plan.target.model_copy(update={"first_sign_in": False})})
        assert run.do(check_rights.fn, without).blockers == []
