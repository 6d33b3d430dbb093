"""The ledger says how many items went which way, class by class, and what was lost on it."""

from __future__ import annotations

from collections import Counter

from mailmove.items.copy.interfaces import Moved
from tasks.items.copy_mailboxes import _lines
from tasks.ledger.payloads import CopiedMailbox, WentBy


def test_ways_and_losses_are_facts() -> None:
    moved = Moved("anna@x", copied=7)
    moved.by_way = Counter({("written", "IPM.Note"): 5, ("converted", "IPM.Appointment"): 1, ("written", "others"): 1})
    counted, *ways = _lines([moved])
    assert counted == "anna@x: 7 items copied, 0 there already"
    assert ways == [
        "anna@x: 1 events as Graph makes them from MIME or JSON, without privacy, categories, reminder, HTML and "
        "attachments; a series with changed occurrences is left",
        "anna@x: 5 messages whole, as a stream that Mailmove writes",
        "anna@x: 1 items of other classes whole, as a stream that Mailmove writes",
    ]


def test_a_payload_of_an_earlier_version_has_none() -> None:
    old = CopiedMailbox.model_validate({"mailbox": "anna@x", "copied": 1, "present": 0, "left": 0})
    assert old.ways == []
    new = old.model_copy(update={"ways": [WentBy(way="exported", item_class="IPM.Task", items=3)]})
    assert CopiedMailbox.model_validate_json(new.model_dump_json()) == new
