"""A night whose plan says `mover: direct`: no batch, no endpoint; Mailmove copies the mailboxes itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from night_walk import SMALL, FlowRunOpen, Walk
from wire_tap import tapped

from lab.mail_store import Mailbox
from lab.town import Town
from mailmove.errors import Blocked
from tasks.reporting.collect import report_of_customer
from tasks.stages import (
    copy_mailboxes,
    enable_outlook_anywhere,
    final_sweep,
    set_first_passwords,
    start_migration_batch,
)

pytestmark = pytest.mark.timeout(600)
STEPS = {
    "enable_outlook_anywhere", "verify_domain", "start_migration_batch", "copy_mailboxes", "first_sync",
    "license_mailboxes", "set_first_passwords", "final_sweep", "reconcile_items", "finish_rule", "finish_batch",
}  # fmt: skip


@pytest.fixture(scope="module")
def walk(prefect_server: None) -> Iterator[Walk]:
    """Exchange 2010, which gives items whole."""
    with Town(**{**SMALL, "version": "14.3.123.4"}) as town, FlowRunOpen() as run:
        walk = Walk(town, run, only=STEPS)
        target = walk.plan.target.model_copy(update={"mover": "direct"})
        walk.plan = walk.plan.model_copy(update={"target": target})
        yield walk


def made_by_hand(walk: Walk) -> None:
    """The administrator makes the mailboxes."""
    for box in walk.town.old.store.mailboxes.values():
        if box.kind != "public_folder":
            made = walk.town.cloud.tenant.add_user(box.address, box.display_name, "")
            made.has_mailbox = True
            walk.town.cloud.store.add_mailbox(Mailbox(box.address, box.display_name, aliases=box.aliases))


def held(store: Any) -> dict[str, int]:
    return {box.address: len(box.items) for box in store.mailboxes.values() if box.kind != "public_folder"}


def test_without_the_mailboxes_it_stops_and_says_who_must_make_what(walk: Walk) -> None:
    walk.bring_to("copy_mailboxes")
    said = " ".join(one.seen for one in walk.do(copy_mailboxes.check.fn, walk.plan).findings)
    assert "4 mailboxes are not in the tenant yet" in said
    assert "ExportItems" not in said
    walk.town.cloud.app.roles -= {"Mail.ReadWrite"}
    assert [one.subject for one in walk.do(copy_mailboxes.check.fn, walk.plan).blockers] == ["Mail.ReadWrite"]
    walk.town.cloud.app.roles |= {"Mail.ReadWrite"}
    with pytest.raises(Blocked, match=r"none for anna@northwind\.example"):
        walk.do(copy_mailboxes.apply.fn, walk.plan)


def test_the_old_server_is_left_as_it_is_and_no_batch_is_made(walk: Walk) -> None:
    assert walk.town.old.state.outlook_anywhere is None
    assert walk.do(enable_outlook_anywhere.check.fn, walk.plan).blockers == []
    with tapped() as heard:
        walk.until(start_migration_batch.apply.fn, walk.plan)
    assert heard == []
    picture = walk.town.cloud.picture()
    assert (picture["batches"], picture["endpoints"]) == ({}, {})


def test_everything_is_copied_once_and_what_comes_later_is_swept_up(walk: Walk) -> None:
    made_by_hand(walk)
    walk.bring_to("final_sweep")
    wanted = held(walk.town.old.store)
    assert held(walk.town.cloud.store) == wanted
    assert walk.do(set_first_passwords.check.fn, walk.plan).changes == [], (
        "whoever made the accounts knows the passwords"
    )

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


def test_the_night_ends_with_every_item_accounted_for(walk: Walk) -> None:
    walk.bring_to(None)
    assert held(walk.town.cloud.store) == held(walk.town.old.store)
    with tapped() as heard:
        walk.until(final_sweep.apply.fn, walk.plan)
    assert heard == [], "a copy that is whole sends nothing"
