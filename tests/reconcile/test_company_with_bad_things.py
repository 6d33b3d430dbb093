"""A company with bad items, a bad folder and a bad mailbox: the rest is moved and reconciled, these are named, once."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from whole_company import WholeCompany, whole_company

from lab.big_company import make_big_company
from lab.cloud.graph.mail import CONVERSION
from lab.company import Company
from lab.mail_store import MIME_BROKEN, MIME_EMPTY, MIME_MISSING
from mailmove.leavable import LeavableKind
from mailmove.plan.left_by_plan import BY_PLAN
from tasks.accounts.block_findings import block_findings
from tasks.items.copy_mailboxes import copy_mailboxes, record_copy
from tasks.items.reconcile import Reconciled, reconcile
from tasks.ledger.payloads import MailboxCopy

CODES = ("ErrorItemCorrupt", "ErrorVirusDetected", "ErrorInternalServerError", MIME_EMPTY, MIME_MISSING, MIME_BROKEN)


class Bad:
    """What is bad in a company: an item in every `each`th mailbox, one folder, one mailbox."""

    def __init__(self, company: WholeCompany, each: int) -> None:
        old, moving = company.old, company.moving
        every = [box.address for box in old.mailboxes.values() if box.kind != "public_folder"]
        self.mailbox = max(every)
        assert self.mailbox in moving
        others = [address for address in moving if address != self.mailbox]
        self.items: set[tuple[str, str]] = set()
        for address, code in zip(others[::each], itertools.cycle(CODES), strict=False):
            item = old.snapshot(address)[0]
            old.make_sick(address, item.id, code)
            self.items.add((address, item.subject))
        with_folder = (
            (address, item.folder)
            for address in others
            for item in old.snapshot(address)
            if item.folder == "Inbox/Projekte/Übersicht" and (address, item.subject) not in self.items
        )
        self.folder = next(with_folder)
        old.sick_folders[self.folder] = "ErrorAccessDenied"
        company.faults.set("exchange.mailbox_denied")

    def moved(self, company: WholeCompany) -> dict[str, Counter[tuple[str, str]]]:
        """Address -> (folder, Message-ID) of what can be moved."""
        return {
            address: Counter(
                (item.folder, item.message_id)
                for item in company.old.snapshot(address)
                if address != self.mailbox
                and (address, item.folder) != self.folder
                and (address, item.subject) not in self.items
            )
            for address in company.moving
        }


def a_company(mailboxes: int) -> Company:
    """Without the mail that lies in calendars: who delivers that again is another test's affair."""
    company = make_big_company(mailboxes)
    for box in company.mailboxes:
        box.items = {name: item for name, item in box.items.items() if item.folder != "Calendar"}
    return company


def move_and_reconcile(company: WholeCompany) -> Reconciled:
    company.until_done("copy_mailboxes", lambda context: record_copy(context, copy_mailboxes(context)))
    return company.until_done("reconcile_items", reconcile)


def check(company: WholeCompany, bad: Bad, outcome: Reconciled) -> None:
    held = {
        address: Counter((item.folder, item.message_id) for item in company.cloud.snapshot(address))
        for address in company.moving
    }
    assert held == bad.moved(company), "everything else is moved, once"
    asked = [thing for things in company.asked for thing in things]
    assert len({thing.key for thing in asked}) == len(asked), "nobody is asked twice about one thing"
    kinds = {kind: [thing for thing in asked if thing.kind is kind] for kind in LeavableKind}
    assert [thing.mailbox for thing in kinds[LeavableKind.MAILBOX]] == [bad.mailbox]
    assert [(thing.mailbox, "/".join(thing.folder)) for thing in kinds[LeavableKind.FOLDER]] == [bad.folder]
    assert {(thing.mailbox, thing.subject) for thing in kinds[LeavableKind.ITEM]} == bad.items
    assert all(thing.reason for thing in asked)
    assert {(item.mailbox, item.subject) for item in outcome.left} == bad.items
    assert all(item.decision == "left by decision of Anna: it can wait" for item in outcome.left)
    assert {part.mailbox for part in outcome.not_read} == {bad.mailbox, bad.folder[0]}
    lines = {fact.partition(":")[0]: fact for fact in outcome.facts[: len(company.moving)]}
    assert "not compared" in lines[bad.mailbox] and " missing" not in lines[bad.mailbox]
    assert "could not be read" in lines[bad.folder[0]]
    with_items = {address for address, _ in bad.items}
    for address in company.moving:
        if address not in (bad.mailbox, bad.folder[0]):
            assert lines[address].endswith(f"{int(address in with_items)} missing")


def test_a_small_one(tmp_path: Path) -> None:
    with whole_company(a_company(14), tmp_path, target={"mover": "direct"}) as company:
        bad = Bad(company, 4)
        outcome = move_and_reconcile(company)
        check(company, bad, outcome)
        assert len(company.asked) == 2, "before the switch about mailbox and folder, afterwards about single items"
        again = company.until_done("reconcile_again", reconcile)
        assert (again.left, len(company.asked)) == (outcome.left, 2)
        [*_, (_, last)] = company.context("copy_mailboxes").ledger.payloads(MailboxCopy)
        assert {part.mailbox for part in last.not_copied} <= {bad.mailbox, bad.folder[0]}


def test_what_the_plan_tolerates_is_not_asked_about(tmp_path: Path) -> None:
    sections = {"target": {"mover": "direct"}, "sweep": {"tolerated_missing": 9}}
    with whole_company(a_company(8), tmp_path, **sections) as company:
        address = company.moving[0]
        item = company.old.snapshot(address)[0]
        company.old.make_sick(address, item.id, "ErrorItemCorrupt")
        outcome = move_and_reconcile(company)
        assert company.asked == []
        assert [(item.mailbox, item.decision) for item in outcome.left] == [(address, "")]
        assert "ErrorItemCorrupt" in outcome.left[0].reason


def test_a_mailbox_that_the_plan_does_without_is_in_nobodys_way(tmp_path: Path) -> None:
    with whole_company(a_company(8), tmp_path, target={"mover": "direct"}) as company:
        company.faults.set("exchange.mailbox_denied")
        closed = max(company.moving)
        [finding] = block_findings(company.plan, company.source)
        assert (finding.blocks, finding.leaves and finding.leaves.mailbox) == (True, closed)
        assert "source.unread_mailboxes" in finding.todo, "the way on is said before the night"
        source = company.plan.source.model_copy(update={"unread_mailboxes": [closed.upper()]})
        company.plan = company.plan.model_copy(update={"source": source})
        [finding] = block_findings(company.plan, company.source)
        assert not (finding.blocks or finding.needs_action)
        outcome = move_and_reconcile(company)
        assert company.asked == []
        assert [(part.mailbox, part.decision) for part in outcome.not_read] == [(closed, BY_PLAN)]
        assert {fact.partition(":")[0] for fact in outcome.facts} >= set(company.moving)


def test_when_nobody_can_be_read_the_stage_stops(tmp_path: Path) -> None:
    with whole_company(a_company(4), tmp_path, target={"mover": "direct"}) as company:
        company.faults.set("exchange.password_changed")
        with pytest.raises(Exception, match="sign-in"):
            copy_mailboxes(company.context("copy_mailboxes"))
        with pytest.raises(Exception, match="sign-in"):
            reconcile(company.context("reconcile_items"))


@pytest.mark.long
def test_a_company_of_150(tmp_path: Path) -> None:
    with whole_company(a_company(150), tmp_path, target={"mover": "direct"}) as company:
        bad = Bad(company, 10)
        assert len(bad.items) >= 14
        check(company, bad, move_and_reconcile(company))
        assert len(company.asked) == 2


@pytest.mark.parametrize("named", [True, False], ids=["with", "without Message-ID"])
def test_a_broken_item_at_the_target_hides_no_loss(named: bool, tmp_path: Path) -> None:
    """Of one folder, one message cannot be read at the old server, and another not at Microsoft 365."""
    with whole_company(a_company(8), tmp_path, target={"mover": "direct"}) as company:
        messages = [
            (address, item) for address in company.moving for item in company.old.snapshot(address) if item.message_id
        ]
        folders = Counter((address, item.folder) for address, item in messages)
        [(address, folder), _] = folders.most_common(1)[0]
        kept, lost = [item for owner, item in messages if (owner, item.folder) == (address, folder)][:2]
        if not named:
            box = company.old.mailboxes[address]
            lost = box.items[lost.id] = replace(lost, message_id="")
        company.old.make_sick(address, lost.id, MIME_MISSING)
        company.until_done("copy_mailboxes", lambda context: record_copy(context, copy_mailboxes(context)))
        [copy] = [item for item in company.cloud.snapshot(address) if item.message_id == kept.message_id]
        company.cloud.make_sick(address, copy.id, CONVERSION)
        outcome = company.until_done("reconcile_items", reconcile)
        asked = {thing.subject for things in company.asked for thing in things}
        assert lost.subject in asked
        assert lost.subject in {item.subject for item in outcome.left}
        if named:
            assert asked == {lost.subject}, "Microsoft 365 says itself that it has the other"
