"""Leave it out and go on: who decides what, what the stage is given, and what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from memory_engine import MemoryEngine, MemoryStore, Parked
from parked_world import PlayedStage, mx_change, new_plan

from flows.cutover import _until_done
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.leavable import Leavable, LeavableKind
from mailmove.plan.cutover import Cutover
from tasks.engine.current import running_on
from tasks.engine.port import Rows
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.ledger.entry import VERSION, EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import LeftOut
from tasks.progress.interruptions import interruptions
from tasks.progress.leave_out import left_lines, things_to_leave
from tasks.progress.rollback_stage import roll_back_stage
from tasks.runbook import STAGES, step_named, step_replaced

CORRUPT = Leavable(kind=LeavableKind.ITEM, mailbox="anna@contoso.com", item="AAMk1", subject="Offer", reason="corrupt")
LOCKED = Leavable(kind=LeavableKind.MAILBOX, mailbox="ben@contoso.com", reason="ErrorMailboxMoveInProgress")
WORLD = SimpleNamespace(stops=(), fault=None, tries=[], undone=[], name="")


def stop(*leaves: Leavable) -> Blocked:
    return Blocked("the old server", wanted="every item", seen="noise", todo="Mend it.", leaves=leaves)


@check_task
def check(context: Context) -> Preview:
    return Preview(stage=WORLD.name)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    WORLD.tries.append([thing.key for thing in context.left_out()])
    context.ledger.record(EntryKind.INTENT, WORLD.name, changes=[mx_change("old", "half")])
    if WORLD.fault:
        raise WORLD.fault
    if rest := tuple(thing for thing in WORLD.stops if not context.is_left_out(thing)):
        raise stop(*rest)
    return Receipt(stage=WORLD.name)


@verify_task
def verify(context: Context) -> Evidence:
    return Evidence(stage=WORLD.name, facts=["so it is"])


@rollback_task
def rolled_back(context: Context, receipt: Receipt) -> Receipt:
    WORLD.undone += receipt.changes
    return receipt


def stage(name: str) -> PlayedStage:
    real = step_named(name)
    verbs = {"check": check, "verify": verify, "rollback": rolled_back}
    verbs["apply"] = apply.with_options(retries=0, name=f"{name}.apply")
    return PlayedStage(name, "do it", can_be_left=getattr(real, "can_be_left", False), verbs=verbs)


class Night:
    """A cutover of one stage, life after life, in memory."""

    def __init__(self, engine: MemoryEngine, name: str) -> None:
        self.engine, self.stage, self.plan = engine, stage(name), new_plan()
        WORLD.name = name

    def live(self) -> str:
        """The question that it parked with; '': it is done."""
        with step_replaced(self.stage):
            try:
                _until_done(self.plan, self.stage, interruptions(self.ledger.entries())[self.stage.name])
            except Parked as question:
                self.engine.run = "root"
                return str(question)
        return ""

    def answer(self, attempt: int = 0, **values: Any) -> None:
        run = f"trouble[{self.stage.name}{f'.{attempt}' if attempt else ''}]"
        self.engine.parking.answers[(run, len(self.engine.parking.questions[run]))] = values

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.plan.customer, self.engine.root)

    @property
    def decisions(self) -> list[LeftOut]:
        return [left for _, left in self.ledger.payloads(LeftOut)]


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    WORLD.stops, WORLD.fault, WORLD.tries, WORLD.undone = (), None, [], []
    with running_on(MemoryEngine()) as made:
        yield made


def test_what_the_error_names_is_left_out_by_name_and_the_stage_goes_on_without_it(engine: MemoryEngine) -> None:
    night = Night(engine, "switch_mail")
    WORLD.stops = (CORRUPT, LOCKED)
    question = night.live()
    assert "- item 'Offer' of anna@contoso.com: corrupt\n- mailbox ben@contoso.com: ErrorMailboxMove" in question
    assert "`leave_out`" in question
    night.answer(leave_out=True, name="anna", reason="the author has it on paper")
    assert night.live() == ""
    assert WORLD.tries == [[], [CORRUPT.key, LOCKED.key]], "tried again, and given what is left out"
    [left] = night.decisions
    assert (left.things, left.by, left.reason) == ((CORRUPT, LOCKED), "anna", "the author has it on paper")
    entry = next(entry for entry in night.ledger.entries() if entry.kind is EntryKind.DECISION)
    assert entry.stage == "switch_mail" and "left by decision of anna" in entry.facts[0]


@pytest.mark.parametrize(("values", "missing"), [({}, "name and reason"), ({"name": " ", "reason": "x"}, "name")])
def test_an_answer_without_name_or_reason_leaves_nothing_out_and_is_asked_again(
    engine: MemoryEngine, values: dict[str, str], missing: str
) -> None:
    night = Night(engine, "switch_mail")
    WORLD.stops = (CORRUPT,)
    night.live()
    night.answer(leave_out=True, **values)
    assert f"**To leave it out, {missing} must be given.**" in night.live()
    assert (night.decisions, len(WORLD.tries)) == ([], 1)
    night.answer(leave_out=True, name="anna", reason="old")
    assert night.live() == ""


def test_a_stage_is_left_as_a_whole_where_its_error_names_nothing_and_its_line_allows_it(engine: MemoryEngine) -> None:
    night = Night(engine, "restore_ttl")
    WORLD.fault = stop()
    assert "- the stage restore_ttl as a whole: do it" in night.live()
    night.answer(leave_out=True, name="anna", reason="the provider is down")
    assert night.live() == ""
    assert len(WORLD.tries) == 1, "it is not tried again"
    [line] = left_lines(night.ledger.entries())
    assert (line.whole, line.words) == (True, "left by decision of anna: the provider is down")
    undone = roll_back_it(night)
    assert undone.changes and WORLD.undone == [mx_change("old", "half")], "what its receipt says is put back"


def roll_back_it(night: Night) -> Receipt:
    with step_replaced(night.stage):
        return roll_back_stage(night.plan, night.stage.name, night.engine.root)


def test_a_stage_that_no_cutover_can_do_without_is_mended_or_rolled_back(engine: MemoryEngine) -> None:
    night = Night(engine, "switch_mail")
    WORLD.fault = stop()
    question = night.live()
    assert "Nothing of switch_mail can be left out" in question and "mailmove rollback" in question
    night.answer(leave_out=True, name="anna", reason="never mind")
    assert "**There is nothing here that could be left out.**" in night.live()
    assert night.decisions == []
    WORLD.fault = None
    night.answer(name="anna", reason="mended")
    assert night.live() == ""


@pytest.mark.parametrize("fault", [KeyError("Thumbprint"), StopIteration(), ValueError("'1 234'"), AttributeError("x")])
def test_a_fault_of_our_own_asks_a_person_too_and_has_the_same_ways_on(engine: MemoryEngine, fault: Exception) -> None:
    night = Night(engine, "restore_ttl")
    WORLD.fault = fault
    question = night.live()
    assert f"a fault of its own, {type(fault).__name__}" in question and "`leave_out`" in question
    night.answer(leave_out=True, name="anna", reason="until it is mended")
    assert night.live() == ""


def test_what_the_engine_raises_stays_what_it_is(engine: MemoryEngine) -> None:
    WORLD.fault = RuntimeError("the server is away")
    with pytest.raises(RuntimeError):
        Night(engine, "restore_ttl").live()


def test_an_error_cannot_make_a_stage_leavable_as_a_whole(engine: MemoryEngine) -> None:
    whole = Leavable(kind=LeavableKind.STAGE, stage="switch_mail")
    night = Night(engine, "switch_mail")
    WORLD.fault = stop(whole)
    assert "Nothing of switch_mail can be left out" in night.live()


def test_what_is_left_out_and_stops_the_stage_all_the_same_is_not_offered_again(engine: MemoryEngine) -> None:
    night = Night(engine, "restore_ttl")
    WORLD.fault = stop(CORRUPT)
    assert "item 'Offer'" in night.live()
    night.answer(leave_out=True, name="anna", reason="old")
    assert "the stage restore_ttl as a whole" in night.live(), "it cannot do without it: asked about the stage itself"
    night.answer(attempt=1, leave_out=True, name="anna", reason="then without")
    assert night.live() == ""


def test_a_kill_after_the_decision_was_written_writes_it_once(engine: MemoryEngine) -> None:
    night = Night(engine, "switch_mail")
    WORLD.stops = (CORRUPT,)
    night.live()
    night.answer(leave_out=True, name="anna", reason="old")
    write = engine.store.write_table

    def killed(key: str, rows: Any, **more: Any) -> None:
        if key.startswith("left-out-"):
            raise KeyboardInterrupt
        write(key, rows, **more)

    engine.store.write_table = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        night.live()
    engine.store.write_table, engine.run = write, "root"  # type: ignore[method-assign]
    assert night.live() == ""
    assert len(night.decisions) == 1


def test_a_stage_reads_the_ledger_once_whatever_it_asks_of_what_is_left_out(engine: MemoryEngine) -> None:
    night = Night(engine, "switch_mail")
    context = Context(night.plan, "switch_mail")
    engine.store.reads.clear()
    assert (context.left_out(), context.is_left_out(CORRUPT), context.ledger.entries()) == ((), False, [])
    assert dict(engine.store.reads) == {f"ledger-{night.plan.customer}": 1}


@pytest.mark.parametrize(
    ("left", "other", "covered"),
    [
        (LOCKED, Leavable(kind=LeavableKind.ITEM, mailbox="Ben@contoso.com", item="x"), True),
        (LOCKED, CORRUPT, False),
        (CORRUPT, CORRUPT.model_copy(update={"reason": "another", "subject": ""}), True),
        (CORRUPT, LOCKED, False),
        (
            Leavable(kind=LeavableKind.FOLDER, mailbox="a@x", folder=("2020/21",)),
            Leavable(kind=LeavableKind.FOLDER, mailbox="a@x", folder=("2020", "21")),
            False,
        ),
        (
            Leavable(kind=LeavableKind.FOLDER, mailbox="a@x", folder=("Inbox",)),
            Leavable(kind=LeavableKind.FOLDER, mailbox="a@x", folder=("Inbox", "Sub")),
            False,
        ),
        (
            Leavable(kind=LeavableKind.FOLDER, mailbox="a@x", folder=("Inbox",), folder_id="F"),
            Leavable(kind=LeavableKind.ITEM, mailbox="a@x", folder=("Eingang",), folder_id="F", item="i"),
            True,
        ),
        (
            Leavable(kind=LeavableKind.RECORD, record="Contoso.com. mx"),
            Leavable(kind=LeavableKind.RECORD, record="contoso.com MX"),
            True,
        ),
    ],
)
def test_what_covers_what(left: Leavable, other: Leavable, covered: bool) -> None:
    assert left.covers(other) is covered


def test_a_thing_without_its_name_is_none() -> None:
    with pytest.raises(ValueError, match="a folder is named by folder"):
        Leavable(kind=LeavableKind.FOLDER, mailbox="a@x")


def test_the_stages_on_which_the_mail_depends_are_never_left_as_a_whole() -> None:
    needed = {stage.name for stage in STAGES if not stage.can_be_left}
    assert needed >= {
        "verify_domain",
        "start_migration_batch",
        "copy_mailboxes",
        "license_mailboxes",
        "switch_mail",
        "reconcile_items",
        "close_smtp_port",
        "reconcile_again",
        "finish_batch",
    }
    assert things_to_leave(next(stage for stage in STAGES if stage.name == "switch_mail"), (), []) == ()


def test_the_decision_belongs_to_its_cutover_and_to_no_later_one(engine: MemoryEngine) -> None:
    night = Night(engine, "switch_mail")
    WORLD.stops = (CORRUPT,)
    night.live()
    night.answer(leave_out=True, name="anna", reason="old")
    night.live()
    other: Cutover = night.plan
    engine.root = Night(MemoryEngine(), "switch_mail").engine.root
    assert Context(other, "switch_mail").left_out() == ()


class NewerStore(MemoryStore):
    """While a stage is interrupted, a newer Mailmove writes to the ledger too."""

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        super().write_table(key, rows, description=description, flow_run=flow_run)
        if rows[0].get("kind") == "interruption":
            assert len(self.tables[key]) < 20, "the same thing is written for ever"
            newer = [{**rows[0], "version": VERSION + 1}]
            super().write_table(key, newer, description=description, flow_run=flow_run)


def test_a_ledger_that_cannot_be_read_after_an_interruption_ends_the_run_with_these_words(engine: MemoryEngine) -> None:
    engine.store, WORLD.fault = NewerStore(), stop()
    with pytest.raises(Blocked, match="A newer Mailmove has written to this ledger"):
        Night(engine, "switch_mail").live()
