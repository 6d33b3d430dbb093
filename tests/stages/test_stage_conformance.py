"""Every stage of the runbook keeps the same promises, in the state of the world in which the cutover meets it."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cutover_walk import Walk, unexplained, walking
from engine_taps import Killed, killed_at_fence, killed_before_writing
from prefect.results import get_default_result_storage
from stage_promises import keeps_its_promises
from wire_tap import tapped

from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from mailmove.clock import Clock, clock_set, now
from mailmove.errors import Blocked, NotYet, Transient
from tasks.execution.context import Context
from tasks.items.reconcile import reconcile
from tasks.items.redeliver import SETTLE, SHOWS
from tasks.ledger.entry import EntryKind
from tasks.progress.rollback_stage import roll_back_stage
from tasks.runbook import STAGES, Stage
from tasks.stages import onboard_customer

pytestmark = pytest.mark.timeout(300)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """One cutover in one town, for all the tests of this file, in their order."""
    with walking() as walk:
        yield walk


def reconciled(walk: Walk, stage: str = "reconcile_items") -> list[str]:
    """Count once, as a new process does; what it found, when everything is accounted for."""
    return reconcile(Context(walk.plan, stage)).facts


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_keeps_its_promises(walk: Walk, stage: Stage) -> None:
    walk.bring_to(stage.name)
    keeps_its_promises(walk, stage)
    walk.done.append(stage.name)


def without_import(walk: Walk) -> None:
    """As in a national cloud: nothing takes a whole message, so it is delivered again by SMTP."""
    walk.town.cloud.app.roles.discard("MailboxItem.ImportExport.All")


def test_what_the_service_left_behind_is_delivered_again_once(walk: Walk) -> None:
    without_import(walk)
    walk.bring_to(None)  # the batch is gone: nobody else will bring these
    box = next(box for box in walk.town.old.store.mailboxes.values() if box.kind == "user")
    late, killed = "<late.1@machine.example>", "<killed.1@machine.example>"
    send(walk, box.address, late)
    walk.until(reconciled, walk)
    assert [trace["senderAddress"] for trace in walk.town.cloud.tenant.traces if trace["messageId"] == late] == [SENDER]

    send(walk, box.address, killed)
    with clock_set(Clock(ahead=-SETTLE - MINUTE)):
        with killed_at_fence(), pytest.raises(Killed):
            reconciled(walk)
        with tapped() as heard, pytest.raises(NotYet):
            reconciled(walk)
    assert heard == [], "whether it was delivered is not known, so it is not delivered again"
    with tapped() as heard:
        walk.until(reconciled, walk, "reconcile_again")
    assert heard == ["SMTP"], "neither the mailbox nor the trace has shown it for long enough: it never got there"
    assert [trace["messageId"] for trace in walk.town.cloud.tenant.traces].count(killed) == 1


def test_what_was_not_taken_is_sent_again_and_what_was_is_not(walk: Walk) -> None:
    without_import(walk)
    walk.bring_to(None)
    box = next(box for box in walk.town.old.store.mailboxes.values() if box.kind == "user")
    refused, silent = "<refused.1@machine.example>", "<silent.1@machine.example>"
    send(walk, box.address, refused)
    sweep = walk.plan.sweep.model_copy(update={"smtp_port": 9})  # nobody listens there
    away = walk.plan.model_copy(update={"sweep": sweep})
    with pytest.raises(Transient):
        reconcile(Context(away, "reconcile_items"))
    walk.until(reconciled, walk)
    assert [trace["messageId"] for trace in walk.town.cloud.tenant.traces].count(refused) == 1

    send(walk, box.address, silent)
    with clock_set(Clock(ahead=-SHOWS - MINUTE)), killed_before_writing("evidence", "delivery"), pytest.raises(Killed):
        reconciled(walk)
    box_there = walk.town.cloud.store.find(box.address)
    assert box_there is not None
    [there] = [one for one in box_there.items.values() if one.message_id == silent]
    del box_there.items[there.id]  # as if a filter had taken it out
    gone = pytest.raises(Blocked, match=r"Exchange Online took it .* it is not in the mailbox")
    with tapped() as heard, gone:
        reconciled(walk, "reconcile_again")
    assert heard == [], "the trace has shown it: a second one would be a double"
    box_there.items[there.id] = there
    walk.until(reconciled, walk)


def test_what_its_user_has_deleted_is_not_brought_back(walk: Walk) -> None:
    walk.bring_to(None)
    store = walk.town.cloud.store
    box = next(box for box in walk.town.old.store.mailboxes.values() if box.kind == "user")
    there = {one.message_id: one for one in store.snapshot(box.address) if one.kind == "message" and one.message_id}
    here = [one.message_id for one in walk.town.old.store.snapshot(box.address)]
    first = next(one for one in there.values() if here.count(one.message_id) == 1 and one.folder == "Inbox")
    for _ in range(3):
        gone = store.delete(box.address, first.id)
        first = gone or first
        with tapped() as heard:
            facts = reconciled(walk)
        assert heard == []
    assert any("1 purged; 0 missing" in fact for fact in facts if fact.startswith(box.address))
    rows = walk.table(f"items-{walk.plan.customer}")
    assert [row["subject"] for row in rows if row["verdict"] == "purged"] == [first.subject]
    place = store_of_results() / f"mailmove-items/{walk.plan.customer}/{walk.root}/reconcile_items"
    assert first.message_id in place.with_suffix(".csv").read_text("utf-8-sig")
    assert "<script" not in place.with_suffix(".html").read_text("utf-8")


def test_events_and_contacts_left_behind_are_copied_once(walk: Walk) -> None:
    walk.bring_to(None)
    box = next(box for box in walk.town.old.store.mailboxes.values() if box.kind == "user")
    parts = EventParts("late@northwind.example", "A late meeting", now(), now() + timedelta(hours=1), False)
    walk.town.old.store.put(box.address, event_mime(parts), folder="Calendar", kind="event")
    walk.town.old.store.put(
        box.address, contact_mime(ContactParts("Late Person", "late@x.example")), folder="Contacts", kind="contact"
    )
    walk.until(reconciled, walk)
    held = [item.subject for item in walk.town.cloud.store.snapshot(box.address)]
    assert (held.count("A late meeting"), held.count("Late Person")) == (1, 1)
    with tapped() as heard:
        reconciled(walk)
    assert heard == [], "there is nothing left to copy"


def test_the_whole_cutover_is_rolled_back(walk: Walk) -> None:
    walk.bring_to(None)
    for again in (False, True):
        with tapped() as heard, walk.another_run():  # as the flow `rollback` is
            for stage in reversed(STAGES):
                walk.remains += walk.until(roll_back_stage, walk.plan, stage.name, walk.root).remains
        assert bool(heard) != again
        assert unexplained(walk.first, walk.picture(), walk.remains) == set()
    assert [entry.stage for entry in walk.ledger.entries() if entry.kind is EntryKind.ROLLED_BACK][-1] == STAGES[0].name
    assert any("holds a copy of mail" in one for one in walk.remains)


def test_an_invitation_that_nobody_has_answered_remains_and_says_so(walk: Walk) -> None:
    receipt = walk.until(onboard_customer.apply.fn, walk.plan)
    before = walk.picture()
    assert before["|cloud|relationships|Mailmove northwind 3"] == "approvalPending", "names are not used twice"
    undone = walk.do(onboard_customer.rollback.fn, walk.plan, receipt)
    assert undone.changes == []
    assert "Mailmove northwind 3' is approvalPending" in undone.remains[0]
    assert walk.picture() == before


def store_of_results() -> Path:
    return Path(str(get_default_result_storage().basepath))  # type: ignore[attr-defined]


SENDER = "copier@machine.example"


def send(walk: Walk, address: str, message_id: str) -> None:
    """A machine inside the office delivers to the old server, as it always has."""
    with smtplib.SMTP(walk.town.places.old_server_inside, walk.town.places.smtp_port, timeout=10) as smtp:
        smtp.sendmail(SENDER, address, f"Message-ID: {message_id}\r\nSubject: scan\r\n\r\nA page.\r\n")
