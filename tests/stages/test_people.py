"""The people's part of a cutover: who stands in the batch's way, what is carried over, who may sign in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cutover_walk import Walk, walking
from engine_taps import Killed
from typer.testing import CliRunner
from wire_tap import tapped

from deployments.cli.main import app
from lab.cloud.tenant import CloudUser, utc
from mailmove.clock import Clock, clock_set, now
from mailmove.errors import Blocked
from mailmove.evidence import PollResult, Preview
from tasks.engine.current import running_on
from tasks.engine.port import Vault
from tasks.execution.context import Context
from tasks.ledger.payloads import BatchRestart
from tasks.parking.poll import Awaited
from tasks.progress.wait_ends import wait_completed
from tasks.stages import (
    finish_batch,
    license_mailboxes,
    set_first_passwords,
    start_migration_batch,
)
from tasks.traffic.message_traces import findings_since_the_switch
from tasks.traffic.server_clocks import ROUNDED

pytestmark = pytest.mark.timeout(600)
STEPS = {
    "enable_outlook_anywhere", "verify_domain", "start_migration_batch", "first_sync", "license_mailboxes",
    "restore_x500_addresses", "restore_permissions", "set_first_passwords",
}  # fmt: skip
SKU = "O365_BUSINESS_ESSENTIALS"
UNDER_WAY = ("Starting", "Syncing", "IncrementalSyncing")
ANNA, LUKASZ, JOSE, INFO = (f"{name}@northwind.example" for name in ("anna", "lukasz", "jose", "info"))


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """One cutover in one town, for all the tests of this file, in their order."""
    with walking(STEPS, cycle_seconds=3600.0) as walk:
        yield walk


def preview_of(walk: Walk, stage: Any) -> Preview:
    preview: Preview = walk.do(stage.check.fn, walk.plan)
    return preview


def user(walk: Walk, address: str) -> CloudUser:
    found = walk.town.cloud.tenant.user(address)
    assert found is not None
    return found


def at_rest(walk: Walk) -> None:
    """No sync that an earlier test asked for is under way any more."""
    until = time.monotonic() + 60
    while [one for one in walk.town.cloud.tenant.batches.values() if one.sync_now or one.status in UNDER_WAY]:
        assert time.monotonic() < until
        time.sleep(0.05)


def polled(walk: Walk, wait: str, good: Callable[[PollResult], bool], seconds: float = 120) -> PollResult:
    """Poll until it is as wanted."""
    result, until = None, time.monotonic() + seconds
    while result is None or not good(result):
        assert time.monotonic() < until, result
        result = walk.poll(wait, result)
        time.sleep(0.05)
    return result


class RushingClock(Clock):
    """An hour passes in six seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + 600 * (datetime.now(UTC) - self._start)


def test_licences_are_counted_before_anybody_is_there(walk: Walk) -> None:
    walk.bring_to("start_migration_batch")
    [said] = preview_of(walk, license_mailboxes).findings
    assert (said.seen, said.todo, said.blocks) == ("3 needed, 150 free of 150", "Nothing to do.", False)
    assert "30 days" in said.means
    walk.town.cloud.set_licences(SKU, 2)
    [said] = preview_of(walk, license_mailboxes).findings
    assert (said.seen, said.todo[:10], said.blocks) == ("3 needed, 2 free of 2", "Buy 1 more", False)
    walk.town.cloud.set_licences(SKU, 150)


def test_who_is_in_the_way_is_named_and_nothing_is_made(walk: Walk) -> None:
    cloud = walk.town.cloud
    assert preview_of(walk, start_migration_batch).blockers == []
    cloud.add_user(ANNA)
    cloud.add_recipient("team@northwind.example", "GroupMailbox", aliases=("lukasz.office@northwind.example",))
    cloud.tenant.directory_sync = True
    blockers = preview_of(walk, start_migration_batch).blockers
    assert [(one.subject, one.seen.rpartition(" ")[2]) for one in blockers] == [
        ("directory synchronisation", "tenant"),
        (ANNA, "(User)"),
        ("lukasz.office@northwind.example", "(GroupMailbox)"),
    ]
    assert all(one.todo for one in blockers)
    with pytest.raises(Blocked, match="GroupMailbox"):
        walk.do(start_migration_batch.apply.fn, walk.plan)
    assert (cloud.picture()["batches"], cloud.picture()["endpoints"]) == ({}, {})
    cloud.tenant.directory_sync = False
    cloud.tenant.users.pop(ANNA)
    cloud.tenant.others.clear()


def test_microsoft_tests_the_connection_before_the_endpoint_is_made(walk: Walk) -> None:
    settings = dict(walk.town.old.state.outlook_anywhere or {})
    walk.town.old.state.set_outlook_anywhere(None)
    with pytest.raises(Blocked, match="check-server"):
        walk.do(start_migration_batch.apply.fn, walk.plan)
    assert walk.town.cloud.picture()["endpoints"] == {}
    walk.town.old.state.set_outlook_anywhere(settings)


def test_a_failed_mailbox_is_tried_again_a_few_times_and_then_a_person_is_asked(walk: Walk) -> None:
    faults, cloud = walk.town.faults, walk.town.cloud
    faults.set("migration.frozen")
    walk.until(start_migration_batch.apply.fn, walk.plan)
    walk.done.append("start_migration_batch")
    cloud.add_recipient(JOSE)  # somebody makes a contact after the check
    faults.clear("migration.frozen")
    rushing = RushingClock()
    with clock_set(rushing):
        asked = polled(walk, "first_sync", lambda result: result.asks is not None)
    assert not asked.done
    assert any(line.startswith(f"{JOSE}: ") and "A different type" in line for line in asked.details)
    restarts = [restart for _, restart in walk.ledger.payloads(BatchRestart, "first_sync")]
    assert [restart.failed for restart in restarts] == [[JOSE]] * 3

    cloud.tenant.others.clear()
    faults.set("migration.corrupt_item", times=1)
    with clock_set(rushing):
        done = polled(walk, "first_sync", lambda result: result.done)
    assert done.asks is None
    [left_out] = done.details
    assert left_out.startswith(f"{JOSE}: left out CorruptItem '")
    walk.town.cloud.migration.wake()


def test_permissions_and_names_of_old_mail_are_carried_over(walk: Walk) -> None:
    walk.bring_to("set_first_passwords")
    assert user(walk, INFO).delegates == {("FullAccess", LUKASZ), ("SendAs", LUKASZ)}
    assert user(walk, ANNA).delegates == {("FullAccess", JOSE), ("SendOnBehalf", LUKASZ)}
    box = walk.town.old.store.mailboxes[ANNA]
    assert user(walk, ANNA).x500 == {box.legacy_exchange_dn, *walk.town.old.state.directory.x500[ANNA]}
    assert user(walk, INFO).kind == "Shared"
    assert user(walk, INFO).skus == set()
    assert len(user(walk, ANNA).skus) == 1


class DyingVault(Vault):
    """The process dies when it has chosen a password, set it, and is about to note that it is set."""

    def __init__(self, inner: Vault) -> None:
        self._inner, self._chosen = inner, False

    def read(self, name: str) -> Any | None:
        return self._inner.read(name)

    def write(self, name: str, json_text: str) -> None:
        if self._chosen:
            raise Killed
        self._chosen = any(known["state"] == "chosen" for known in json.loads(json_text).values())
        self._inner.write(name, json_text)


def test_a_killed_try_never_gives_a_second_password(walk: Walk) -> None:
    user(walk, ANNA).password_changed += timedelta(hours=2)  # somebody has set hers
    given: dict[str, str] = {}
    with tapped() as heard:
        for address in (JOSE, LUKASZ):
            dying = copy(walk.memory)
            dying.vault = DyingVault(walk.memory.vault)  # type: ignore[assignment]
            before = user(walk, address).password
            with running_on(dying), pytest.raises(Killed):
                walk.do(set_first_passwords.apply.fn, walk.plan)
            given[address] = user(walk, address).password
            assert given[address] != before
        walk.until(set_first_passwords.apply.fn, walk.plan)
    assert len(heard) == 2 and all(call.startswith("PATCH ") for call in heard), "each is set once"
    assert {one: user(walk, one).password for one in given} == given
    assert all(user(walk, one).must_change for one in given)
    assert not user(walk, ANNA).must_change
    [alone] = preview_of(walk, set_first_passwords).findings
    assert (alone.subject, alone.blocks) == (ANNA, False)
    assert preview_of(walk, set_first_passwords).changes == []
    walk.done.append("set_first_passwords")


def test_passwords_are_shown_to_who_asks_and_stand_nowhere_else(walk: Walk) -> None:
    """`test_first_passwords_at_prefect.py` looks for them in everything that a real server keeps."""
    given = {one: user(walk, one).password for one in (JOSE, LUKASZ)}
    walk.until(set_first_passwords.verify.fn, walk.plan)
    shown = CliRunner().invoke(app, ["passwords", walk.plan.customer, "--json"])
    assert json.loads(shown.stdout)["passwords"] == given
    assert list(walk.memory.vault.secrets) == [f"first-passwords-{walk.plan.customer}"]
    kept = json.dumps([walk.memory.store.tables, walk.memory.store.pages], default=str)
    assert "set_first_passwords" in kept
    assert not [password for password in given.values() if json.dumps(password)[1:-1] in kept]


def test_handed_over_they_are_forgotten_and_nobody_gets_another(walk: Walk) -> None:
    runner, given = CliRunner(), user(walk, LUKASZ).password
    assert "2 first passwords erased" in runner.invoke(app, ["passwords", walk.plan.customer, "--erase"]).stdout
    assert runner.invoke(app, ["passwords", walk.plan.customer]).exit_code == 3
    walk.until(set_first_passwords.apply.fn, walk.plan)
    assert user(walk, LUKASZ).password == given


def test_a_rollback_leaves_a_password_that_its_owner_has_chosen(walk: Walk) -> None:
    user(walk, JOSE).password, user(walk, JOSE).password_changed = "his own Choice 1", now()
    before = user(walk, LUKASZ).password
    undone = walk.until(set_first_passwords.rollback.fn, walk.plan, walk.ledger.receipt("set_first_passwords"))
    assert [line.split(":")[0] for line in undone.remains] == [f"password of {JOSE}"]
    assert user(walk, JOSE).password == "his own Choice 1"
    assert user(walk, LUKASZ).password != before
    assert not user(walk, LUKASZ).must_change


def test_the_batch_is_removed_only_behind_microsofts_rule(walk: Walk) -> None:
    walk.plan = walk.plan.model_copy(update={"sweep": walk.plan.sweep.model_copy(update={"quiet_minutes": 60.0})})
    with pytest.raises(Blocked, match="finish_rule"):
        walk.do(finish_batch.apply.fn, walk.plan)
    assert walk.town.cloud.picture()["batches"]

    at_rest(walk)
    noticed = PollResult(done=True, summary="the world has noticed")
    wait_completed(walk.plan, walk.root, Awaited("propagation"), noticed)
    seen = polled(walk, "finish_rule", lambda _: True)
    assert (seen.done, len(seen.details)) == (False, 4)
    assert "none by way of the old server" in seen.summary
    walk.town.cloud.tenant.traces.append(
        {
            "id": "late",
            "messageId": "<scan@copier>",
            "recipientAddress": ANNA,
            "fromIP": walk.town.places.old_server,
            "receivedDateTime": utc(now() + 2 * ROUNDED),  # by its clock we see our own moments so much later
            "status": "delivered",
        }
    )
    time.sleep(2 * ROUNDED.total_seconds())  # by a clock of whole seconds a sync at once may be one from before
    walk.memory.blocks["microsoft365/northwind"].migration.sync_now(f"mailmove-{walk.plan.customer}")
    seen = polled(walk, "finish_rule", lambda result: not result.details and ANNA in result.summary)
    assert not seen.done
    assert f"1 of them from the old server ({walk.town.places.old_server}): 1 for {ANNA}" in seen.summary
    [at_the_gate] = walk.do(findings_since_the_switch, Context(walk.plan, "close_smtp_port"))
    assert "1 of them from the old server" in at_the_gate.seen
    assert "new MX" in at_the_gate.todo
    walk.town.cloud.tenant.traces.clear()
    walk.wait_for("finish_rule")
    walk.until(finish_batch.apply.fn, walk.plan)
    assert walk.town.cloud.picture()["batches"] == {}


def test_mailboxes_of_our_own_batch_are_in_nobodys_way(walk: Walk) -> None:
    preview = preview_of(walk, start_migration_batch)
    assert preview.changes
    assert preview.blockers == []
