"""What preflight shows of the old server, in a real town."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cutover_walk import Walk, walking
from engine_taps import store_tapped

from mailmove.evidence import Preview
from tasks.execution.context import Context
from tasks.preflight.inventory import check_inventory, keep_inventory
from tasks.stages.start_migration_batch import check

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with walking() as walk:
        yield walk


def test_everything_found_is_shown_and_nothing_stands_in_the_way(walk: Walk) -> None:
    first = walk.picture()
    with store_tapped() as store:
        inventoried = walk.do(check_inventory.fn, walk.plan)
    assert store.writes == [], "a check writes nothing"
    preview: Preview = inventoried.preview
    assert preview.stage == "inventory"
    assert preview.changes == preview.blockers == []
    subjects = {found.subject for found in preview.findings}
    directory = walk.town.old.state.directory
    assert {group.address for group in directory.groups if group.kind == "security"} <= subjects
    assert {phone.mailbox for phone in directory.phones} <= subjects
    assert {relay.client_ip for relay in directory.relays} <= subjects
    hold = {box.address for box in walk.town.old.store.mailboxes.values() if box.kind != "user"}
    assert hold <= subjects
    keep_inventory(Context(walk.plan, "preflight"), inventoried)
    assert {row["name"] for row in walk.table(f"inventory-{walk.plan.customer}")} >= set(walk.town.old.store.mailboxes)
    assert walk.picture() == first, "it only looks"
    assert walk.do(check.fn, walk.plan).findings == []


def test_a_server_that_does_not_let_us_in_is_a_finding_that_blocks(walk: Walk) -> None:
    walk.town.faults.set("shell.denied")
    try:
        preview: Preview = walk.do(check_inventory.fn, walk.plan).preview
    finally:
        walk.town.faults.clear()
    [found] = preview.findings
    assert found.blocks
    assert "denied" in found.seen
