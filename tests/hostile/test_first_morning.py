"""What people meet at their first sign-in is said before the night; a pass is handed over beside the first password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from typing import Any

import pytest
from cutover_walk import Walk, walking
from engine_taps import Killed
from typer.testing import CliRunner

from deployments.cli.main import app
from lab.cloud.tenant import CloudUser
from lab.mail_store import Mailbox
from mailmove.changes import ChangeKind
from mailmove.evidence import Finding
from mailmove.plan.load import plan_from
from tasks.accounts.first_password_store import read_safe
from tasks.engine.current import running_on
from tasks.engine.port import Vault
from tasks.preflight.first_morning import check_first_morning
from tasks.preflight.permissions import check_rights
from tasks.stages import set_first_passwords

pytestmark = pytest.mark.timeout(240)
SMALL: dict[str, Any] = {"users": 2, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}
ANNA, LUKASZ = "anna@northwind.example", "lukasz@northwind.example"
GUARD = {
    "id": "1",
    "displayName": "Registration in the office only",
    "state": "enabled",
    "conditions": {"applications": {"includeUserActions": ["urn:user:registersecurityinfo"]}},
    "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
}
ASKS = {"id": "2", "displayName": "MFA for all", "state": "enabled", "conditions": {"applications": {}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}}  # fmt: skip


@pytest.fixture
def walk() -> Iterator[Walk]:
    with walking(**SMALL) as walk:
        yield walk


def said(walk: Walk) -> dict[str, Finding]:
    found: list[Finding] = walk.do(check_first_morning.fn, walk.plan).findings
    return {f"{finding.subject}: {finding.seen}": finding for finding in found}


def wants_passes(walk: Walk, **target: Any) -> None:
    target = {**walk.town.plan()["target"], "access_passes": True, **target}
    walk.plan = plan_from({**walk.town.plan(), "target": target})


def test_what_the_tenant_asks_is_said_and_a_pass_is_proposed(walk: Walk) -> None:
    assert said(walk) == {}
    walk.town.faults.set("hostile.mfa_at_first_sign_in")
    words = " ".join(said(walk))
    for part in ("security defaults: on", "registration campaign: on", "second factor: 1 users have none"):
        assert part in words
    proposal = said(walk)["access passes: the tenant allows them, and the plan does not use them"]
    assert "access_passes: true" in proposal.todo and not proposal.blocks
    wants_passes(walk)
    assert "access passes" not in " ".join(said(walk))


def test_conditional_access_counts_when_it_is_on(walk: Walk) -> None:
    policies = walk.town.cloud.tenant.conditional_access
    policies += [GUARD, ASKS, {**ASKS, "displayName": "Only reports", "state": "enabledForReportingButNotEnforced"}]
    admins = {"users": {"includeUsers": ["None"], "includeRoles": ["62e90394-69f5-4237-9190-012177145e10"]}}
    azure = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["797f4846-ba00"]}}
    known = {"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}
    policies += [{**ASKS, "displayName": "Admins alone", "conditions": admins}]
    policies += [{**ASKS, "displayName": "Another application", "conditions": azure}]
    policies += [{**ASKS, "displayName": "Known devices", "grantControls": known}]
    words = " ".join(said(walk))
    assert "asks a second factor: MFA for all, Known devices" in words
    assert "lets in known devices only: Known devices" in words
    assert "Admins alone" not in words and "Another application" not in words
    assert "guards the registration of a second factor: Registration in the office only" in words
    assert "Only reports" not in words


def test_what_may_not_be_read_is_not_seen(walk: Walk) -> None:
    walk.town.cloud.app.roles -= {"Policy.Read.All", "AuditLog.Read.All"}
    assert len(said(walk)) == 4
    assert all("not seen" in words and not finding.blocks for words, finding in said(walk).items())


def test_what_cannot_be_read_of_one_answer_hides_no_other(walk: Walk) -> None:
    walk.town.faults.set("hostile.mfa_at_first_sign_in")
    walk.town.cloud.tenant.conditional_access += [{**ASKS, "grantControls": "mfa"}]
    found = said(walk)
    assert "security defaults: on" in found
    assert any(words.startswith("Conditional Access: not seen") for words in found)


def test_a_plan_that_wants_passes_where_there_are_none_is_told_before_the_night(walk: Walk) -> None:
    wants_passes(walk)
    found = said(walk)["access passes: the tenant does not allow them"]
    assert found.needs_action and "Authentication methods" in found.todo


class DyingVault(Vault):
    """The process dies when a pass has been made, before it is kept."""

    def __init__(self, inner: Vault) -> None:
        self._inner, self._asked = inner, False

    def read(self, name: str) -> Any | None:
        return self._inner.read(name)

    def write(self, name: str, json_text: str) -> None:
        held = [known["access_pass"] for known in json.loads(json_text).values()]
        if self._asked:
            raise Killed
        self._asked = any(one and one["state"] == "asked" for one in held)
        self._inner.write(name, json_text)


def arrived(walk: Walk, address: str) -> CloudUser:
    user = walk.town.cloud.tenant.add_user(address, address, "mailmove")
    user.has_mailbox = True
    walk.town.cloud.tenant.store.add_mailbox(Mailbox(address, address))
    return user


def test_a_pass_is_made_once_shown_beside_the_password_and_taken_away_by_a_rollback(walk: Walk) -> None:
    walk.town.faults.set("hostile.mfa_at_first_sign_in")
    wants_passes(walk)
    anna, lukasz = arrived(walk, ANNA), arrived(walk, LUKASZ)
    lukasz.access_pass = {"id": "of the administrator's"}
    dying = copy(walk.memory)
    dying.vault = DyingVault(walk.memory.vault)  # type: ignore[assignment]
    with running_on(dying), pytest.raises(Killed):
        walk.do(set_first_passwords.apply.fn, walk.plan)
    assert anna.access_pass, "made, and its words are lost"
    lost = anna.access_pass["id"]

    receipt = walk.do(set_first_passwords.apply.fn, walk.plan)
    assert anna.access_pass and anna.access_pass["id"] != lost and anna.access_pass["lifetimeInMinutes"] == 480
    passes = [change for change in receipt.changes if change.kind is ChangeKind.ACCESS_PASS]
    assert [change.subject.address for change in passes] == [ANNA]  # type: ignore[union-attr]
    assert lukasz.access_pass == {"id": "of the administrator's"}
    walk.do(set_first_passwords.verify.fn, walk.plan)
    secret = anna.access_pass["temporaryAccessPass"]
    shown = json.loads(CliRunner().invoke(app, ["passwords", walk.plan.customer, "--json"]).stdout)
    assert shown["access_passes"][ANNA]["pass"] == secret and set(shown["passwords"]) == {ANNA, LUKASZ}
    kept = json.dumps([walk.memory.store.tables, walk.memory.store.pages], default=str)
    assert "access_pass" in kept and secret not in kept

    CliRunner().invoke(app, ["passwords", walk.plan.customer, "--erase"])
    held = read_safe(walk.plan.customer)[ANNA].access_pass
    assert held and held.secret is None and held.state == "given"
    assert walk.do(set_first_passwords.check.fn, walk.plan).changes == [], "nobody gets a second one"
    walk.do(set_first_passwords.rollback.fn, walk.plan, walk.ledger.receipt("set_first_passwords"))
    assert anna.access_pass is None and lukasz.access_pass == {"id": "of the administrator's"}


def test_a_missing_right_to_give_passes_is_named_for_plans_that_want_them(walk: Walk) -> None:
    right = "UserAuthenticationMethod.ReadWrite.All"
    walk.town.cloud.app.roles.discard(right)
    for wanted in (False, True):
        wants_passes(walk, partner=None, access_passes=wanted)
        named = {finding.subject for finding in walk.do(check_rights.fn, walk.plan).blockers}
        assert (right in named) == wanted
