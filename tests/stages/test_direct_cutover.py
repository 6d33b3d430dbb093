"""A cutover whose plan says `mover: direct`: no batch, no endpoint; Mailmove copies the mailboxes itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cutover_walk import Walk, walking
from stage_promises import keeps_its_promises
from wire_tap import tapped

from mailmove.errors import Blocked
from tasks.reporting.collect import report_of_customer
from tasks.runbook import stage_named
from tasks.stages import (
    copy_mailboxes,
    enable_outlook_anywhere,
    final_sweep,
    set_first_passwords,
    start_migration_batch,
)

pytestmark = pytest.mark.timeout(600)
STEPS = {
    "enable_outlook_anywhere", "verify_domain", "create_recipients", "start_migration_batch", "copy_mailboxes",
    "first_sync",
    "license_mailboxes", "set_first_passwords", "final_sweep", "reconcile_items", "finish_rule", "finish_batch",
}  # fmt: skip


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """An Exchange 2007; nobody makes anything by hand."""
    with walking(STEPS) as walk:
        target = walk.plan.target.model_copy(update={"mover": "direct"})
        walk.plan = walk.plan.model_copy(update={"target": target})
        yield walk


def held(store: Any) -> dict[str, int]:
    return {box.address: len(box.items) for box in store.mailboxes.values() if box.kind != "public_folder"}


def test_without_a_right_it_stops_before_anything_is_made(walk: Walk) -> None:
    walk.bring_to("create_recipients")
    walk.town.cloud.app.roles -= {"Mail.ReadWrite"}
    assert [one.subject for one in walk.do(copy_mailboxes.check.fn, walk.plan).blockers] == ["Mail.ReadWrite"]
    walk.town.cloud.app.roles |= {"Mail.ReadWrite"}
    with pytest.raises(Blocked, match=r"none for anna@northwind\.example"):
        walk.do(copy_mailboxes.apply.fn, walk.plan)


def test_making_everybody_keeps_the_promises_of_a_stage(walk: Walk) -> None:
    """Where Microsoft makes mailboxes at once; else `verify` waits for them, and gives what is left."""
    walk.bring_to("create_recipients")
    walk.town.cloud.tenant.provisioning_seconds = 0.0
    keeps_its_promises(walk, stage_named("create_recipients"))


def test_everybody_is_made_with_nothing_by_hand(walk: Walk) -> None:
    walk.bring_to("start_migration_batch")
    boxes = [box for box in walk.town.old.store.mailboxes.values() if box.kind != "public_folder"]
    made = walk.town.cloud.store.mailboxes
    assert {box.address: box.aliases for box in boxes} == {box.address: made[box.address].aliases for box in boxes}
    groups = {group.address: set(group.members) for group in walk.town.old.state.directory.groups}
    assert {address: walk.town.cloud.tenant.others[address].members for address in groups} == groups


def test_the_old_server_is_left_as_it_is_and_no_batch_is_made(walk: Walk) -> None:
    assert walk.town.old.state.outlook_anywhere is None
    assert walk.do(enable_outlook_anywhere.check.fn, walk.plan).blockers == []
    with tapped() as heard:
        walk.until(start_migration_batch.apply.fn, walk.plan)
    assert heard == []
    picture = walk.town.cloud.picture()
    assert (picture["batches"], picture["endpoints"]) == ({}, {})


def test_everything_is_copied_once_and_what_comes_later_is_swept_up(walk: Walk) -> None:
    walk.bring_to("final_sweep")
    wanted = held(walk.town.old.store)
    assert held(walk.town.cloud.store) == wanted
    assert walk.do(set_first_passwords.check.fn, walk.plan).changes == [], "they have had theirs from the start"

    progress = report_of_customer(walk.plan.customer, walk.root).progress
    assert progress is not None and set(progress.mailboxes) == set(wanted)
    assert all(one.done and one.status == "Synced" for one in progress.mailboxes.values())
    assert progress.curve[-1][1:] == (sum(wanted.values()), len(wanted))

    box = next(iter(wanted))
    walk.town.old.store.put(box, b"Message-ID: <late@x.example>\r\nSubject: late\r\n\r\nlate\r\n")
    walk.until(final_sweep.apply.fn, walk.plan)
    facts = walk.until(final_sweep.verify.fn, walk.plan).facts
    assert f"{box}: 1 items copied, {wanted[box]} there already" in facts
    walk.done.append("final_sweep")


def test_the_cutover_ends_with_every_item_accounted_for(walk: Walk) -> None:
    walk.bring_to(None)
    assert held(walk.town.cloud.store) == held(walk.town.old.store)
    with tapped() as heard:
        walk.until(final_sweep.apply.fn, walk.plan)
    assert heard == [], "a copy that is whole sends nothing"
