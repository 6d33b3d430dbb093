"""Every stage of the runbook keeps the same promises, in the state of the world in which the night meets it."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from night_walk import SMALL, FlowRunOpen, Walk, unexplained
from stage_promises import keeps_its_promises
from wire_tap import tapped

from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.town import Town
from mailmove.errors import NotYet
from mailmove.evidence import now
from tasks import customer_account
from tasks.accounting import account_for_items
from tasks.runbook import STAGES, Stage
from tasks.undoing import undo_stage

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def walk(prefect_server: None) -> Iterator[Walk]:
    """One night in one town, for all the tests of this file, in their order."""
    with Town(**SMALL) as town, FlowRunOpen() as run:
        yield Walk(town, run)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_keeps_its_promises(walk: Walk, stage: Stage) -> None:
    walk.bring_to(stage.name)
    keeps_its_promises(walk, stage)
    walk.done.append(stage.name)


def test_what_the_service_left_behind_is_delivered_again_once(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.bring_to(None)  # the batch is gone: nobody else will bring these
    box = next(box for box in walk.town.old.store.mailboxes.values() if box.kind == "user")
    late, killed = "<late.1@machine.example>", "<killed.1@machine.example>"
    send(walk, box.address, late)
    walk.until(account_for_items, walk.plan, "proof")
    assert [trace["senderAddress"] for trace in walk.town.cloud.tenant.traces if trace["messageId"] == late] == [SENDER]

    send(walk, box.address, killed)
    with monkeypatch.context() as dying:
        dying.setattr("tasks.accounting.redeliver", kill)
        with pytest.raises(Killed):
            walk.do(account_for_items, walk.plan, "proof")
    with tapped() as heard, pytest.raises(NotYet):
        walk.do(account_for_items, walk.plan, "proof")
    assert heard == [], "whether it was delivered is not known, so it is not delivered again"
    walk.town.cloud.store.put(box.address, f"Message-ID: {killed}\r\n\r\n".encode())
    facts = walk.do(account_for_items, walk.plan, "proof")
    assert any(fact.startswith(box.address) and fact.endswith(" 0 missing") for fact in facts)


def test_events_and_contacts_left_behind_are_copied_once(walk: Walk) -> None:
    walk.bring_to(None)
    box = next(box for box in walk.town.old.store.mailboxes.values() if box.kind == "user")
    parts = EventParts("late@northwind.example", "A late meeting", now(), now() + timedelta(hours=1), False)
    walk.town.old.store.put(box.address, event_mime(parts), folder="Calendar", kind="event")
    walk.town.old.store.put(
        box.address, contact_mime(ContactParts("Late Person", "late@x.example")), folder="Contacts", kind="contact"
    )
    walk.until(account_for_items, walk.plan, "proof")
    held = [item.subject for item in walk.town.cloud.store.snapshot(box.address)]
    assert (held.count("A late meeting"), held.count("Late Person")) == (1, 1)
    with tapped() as heard:
        walk.do(account_for_items, walk.plan, "proof")
    assert heard == [], "there is nothing left to copy"


def test_the_whole_night_goes_back(walk: Walk) -> None:
    walk.bring_to(None)
    for again in (False, True):
        with tapped() as heard, FlowRunOpen() as way_back:  # a run of its own, as the flow `rollback` is
            for stage in reversed(STAGES):
                walk.remains += way_back.do(undo_stage, walk.plan, stage.name, walk.root).remains
        assert bool(heard) != again
        assert unexplained(walk.first, walk.picture(), walk.remains) == set()
    assert [entry.stage for entry in walk.ledger.entries() if entry.kind == "undone"][-1] == STAGES[0].name
    assert any("holds a copy of mail" in one for one in walk.remains)


def test_an_invitation_that_nobody_has_answered_remains_and_says_so(walk: Walk) -> None:
    receipt = walk.until(customer_account.apply.fn, walk.plan)
    before = walk.picture()
    assert before["|cloud|relationships|Mailmove northwind 3"] == "approvalPending", "names are not used twice"
    undone = walk.do(customer_account.rollback.fn, walk.plan, receipt)
    assert undone.changes == []
    assert "Mailmove northwind 3' is approvalPending" in undone.remains[0]
    assert walk.picture() == before


SENDER = "copier@machine.example"


class Killed(BaseException):
    """kill -9, as a test can play it."""


def kill(*_: Any, **__: Any) -> None:
    raise Killed


def send(walk: Walk, address: str, message_id: str) -> None:
    """A machine inside the office delivers to the old server, as it always has."""
    with smtplib.SMTP(walk.town.places.old_server_inside, walk.town.places.smtp_port, timeout=10) as smtp:
        smtp.sendmail(SENDER, address, f"Message-ID: {message_id}\r\nSubject: scan\r\n\r\nA page.\r\n")
