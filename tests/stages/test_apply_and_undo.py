"""`apply_changes` and `undo_changes` under kill -9: whatever line it strikes, the next try ends with one effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from engine_taps import Killed, TappedStore
from fake_blocks import a_plan
from flow_run_open import FlowRunOpen
from memory_engine import MemoryEngine
from prefect.client.orchestration import get_client
from prefect.exceptions import Abort
from prefect.states import AwaitingRetry, Cancelled, Crashed, Running

from mailmove.changes import Change, ChangeKind, NamedSubject
from mailmove.errors import Blocked, Drifted, NotYet
from mailmove.evidence import Finding, Preview, Receipt
from tasks.engine.current import engine, running_on
from tasks.execution.apply_and_undo import apply_changes, record_approval, undo_changes
from tasks.execution.context import Context
from tasks.ledger.payloads import Approval

STAGE = "paint"
BEFORE = {"door": "brown", "wall": "grey"}
WANTED = {"door": "red", "wall": "white"}
MOST_LINES = 20


def change_of(thing: str, before: Any, after: Any) -> Change:
    return Change(kind=ChangeKind.PARTNER_ACCESS, subject=NamedSubject(name=thing), before=before, after=after)


def thing_of(change: Change) -> str:
    assert isinstance(change.subject, NamedSubject)
    return change.subject.name


@dataclass
class World:
    """Something to change, and a killer who strikes at the n-th line."""

    things: dict[str, Any] = field(default_factory=lambda: dict(BEFORE))
    effects: list[str] = field(default_factory=list)
    strikes_at: int | None = None
    line: int = 0

    def tick(self) -> None:
        self.line += 1
        if self.line == self.strikes_at:
            raise Killed

    def check(self) -> Preview:
        self.tick()
        changes = [
            change_of(thing, self.things[thing], after)
            for thing, after in WANTED.items()
            if self.things[thing] != after
        ]
        return Preview(stage=STAGE, changes=changes)

    def make(self, preview: Preview) -> None:
        for change in preview.changes:
            self.tick()
            self.things[thing_of(change)] = change.after
            self.effects.append(thing_of(change))
        self.tick()


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    with running_on(MemoryEngine()) as memory:
        yield memory


def context() -> Context:
    """A new process's: it reads the ledger anew."""
    return Context(a_plan(), STAGE)


def apply(world: World, approved: str | None = None) -> Receipt:
    return apply_changes(context(), world.check, world.make, approved=approved)


def approve(world: World) -> str:
    return record_approval(context().ledger, STAGE, world.check(), by="anna", reason="")


def receipts() -> dict[str, tuple[Any, Any]]:
    receipt = context().ledger.receipt(STAGE)
    return {thing_of(change): (change.before, change.after) for change in receipt.changes}


WHOLE = {thing: (BEFORE[thing], WANTED[thing]) for thing in WANTED}


def test_a_kill_at_any_line_is_mended_by_calling_again() -> None:
    worlds = []
    for strikes_at in range(1, MOST_LINES):
        world, memory = World(strikes_at=strikes_at), MemoryEngine()
        plain = memory.store
        memory.store = TappedStore(plain, before=lambda _, w=world: w.tick(), after=lambda _, w=world: w.tick())  # type: ignore[assignment,misc]
        with running_on(memory):
            try:
                apply(world)
            except Killed:
                worlds.append(world)
            else:
                break  # there was no such line any more
            world.strikes_at = None
            receipt = apply(world)

            assert world.things == WANTED
            assert sorted(world.effects) == sorted(WANTED), f"one effect each, killed at line {strikes_at}"
            assert receipts() == WHOLE
            assert {thing_of(change): (change.before, change.after) for change in receipt.changes} == WHOLE
    assert len(worlds) == 9, "check, intent (before, after), door, wall, done, check, receipt (before, after)"


def test_a_second_call_does_nothing_and_hides_nothing(memory: MemoryEngine) -> None:
    world = World()
    first = apply(world)
    again = apply(world)
    assert (first.changes, len(world.effects)) == (again.changes, 2)
    assert receipts() == WHOLE


def test_one_apply_reads_the_ledger_once(memory: MemoryEngine) -> None:
    apply(World())
    assert memory.store.reads == {"ledger-contoso": 1, f"rolled-back-{memory.root}": 1}


def test_the_first_before_outlives_a_change_behind_our_back(memory: MemoryEngine) -> None:
    world = World()
    apply(world)
    world.things["door"] = "green"
    apply(world)
    assert world.things == WANTED
    assert receipts() == WHOLE


def test_what_was_not_approved_is_not_done(memory: MemoryEngine) -> None:
    world = World()
    approved = approve(world)
    world.things["door"] = "green"
    with pytest.raises(Drifted, match="approve again"):
        apply(world, approved)
    assert (world.things["door"], world.effects) == ("green", [])
    assert receipts() == {}, "nothing was intended either"
    with pytest.raises(Drifted):
        apply(world, "0" * 16)


def test_an_approval_says_who_and_to_what_and_a_second_yes_to_one_question_is_not_written(memory: MemoryEngine) -> None:
    world = World()
    for _ in range(2):
        record_approval(
            context().ledger, STAGE, world.check(), by="anna", reason="as shown", question="q1", proof="key"
        )
    [(entry, approval)] = context().ledger.payloads(Approval)
    digest = world.check().digest
    assert approval == Approval(by="anna", proof="key", reason="as shown", digest=digest, question="q1")
    assert entry.changes == world.check().changes


@pytest.mark.parametrize("strikes_at", [1, 2])
def test_an_approval_binds_after_a_kill_too(memory: MemoryEngine, strikes_at: int) -> None:
    """Killed before or after the door was painted; then somebody paints what is still open in another colour."""
    world = World()
    approved = approve(world)
    world.line, world.strikes_at = -1, strikes_at  # the check is line 0
    with pytest.raises(Killed):
        apply(world, approved)
    world.strikes_at = None
    done = list(world.effects)
    assert done == ["door", "wall"][: strikes_at - 1]
    world.things["wall"] = "blue"
    with pytest.raises(Drifted):
        apply(world, approved)
    assert (world.things["wall"], world.effects) == ("blue", done)

    world.things["wall"] = BEFORE["wall"]  # as it was shown: the rest of what was approved is done
    apply(world, approved)
    assert world.things == WANTED
    assert receipts() == WHOLE


def test_a_blocker_blocks(memory: MemoryEngine) -> None:
    world = World()

    def check() -> Preview:
        wet = Finding(subject="door", seen="wet", means="It would smear.", todo="Let it dry.", blocks=True)
        return world.check().model_copy(update={"findings": [wet]})

    with pytest.raises(Blocked, match=r"door: wet\. Let it dry\."):
        apply_changes(context(), check, world.make)
    assert (world.things, world.effects) == (BEFORE, [])
    assert receipts() == {}


def test_a_change_that_cannot_be_read_back_is_not_yet(memory: MemoryEngine) -> None:
    world = World()
    with pytest.raises(NotYet, match="still open: door, wall"):
        apply_changes(context(), world.check, lambda _: None)
    apply(world)
    assert receipts() == WHOLE


def test_what_is_undone_is_undone_once_and_named(memory: MemoryEngine) -> None:
    world = World(things=dict(WANTED))
    receipt = Receipt(stage=STAGE, changes=[change_of(thing, BEFORE[thing], WANTED[thing]) for thing in WANTED])

    def standing() -> list[Change]:
        return [change for change in receipt.changes if world.things[thing_of(change)] != change.before]

    def put_back() -> None:
        for change in standing():
            world.tick()
            world.things[thing_of(change)] = change.before
            world.effects.append(thing_of(change))

    world.strikes_at = 2
    with pytest.raises(Killed):
        undo_changes(context(), receipt, standing, put_back)
    world.strikes_at = None
    rest = undo_changes(context(), receipt, standing, put_back, remains=["the smell"])
    assert [(thing_of(change), change.before, change.after) for change in rest.changes] == [("wall", "white", "grey")]
    assert (rest.remains, world.things, world.effects) == (["the smell"], BEFORE, ["door", "wall"])
    assert undo_changes(context(), receipt, standing, put_back).changes == []
    assert world.effects == ["door", "wall"]
    world.things = dict(WANTED)
    with pytest.raises(NotYet):
        undo_changes(context(), receipt, standing, lambda: None)


@pytest.mark.parametrize("state", [Crashed, Cancelled, AwaitingRetry, Running], ids=lambda state: state.__name__)
def test_a_process_whose_run_is_another_s_by_now_acts_no_more(state: Any, prefect_server: None) -> None:
    world = World()
    with FlowRunOpen() as cut_off:
        root = cut_off.do(lambda: engine().root_run())
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(root, state(), force=True)  # as watch, rollback, or another worker do
        with pytest.raises(Abort, match="not by this process"):
            cut_off.do(apply, world)
        receipt = Receipt(stage=STAGE, changes=[change_of("door", "black", "brown")])
        with pytest.raises(Abort):
            cut_off.do(
                undo_changes, context(), receipt, lambda: receipt.changes, lambda: world.effects.append("undone")
            )
    assert world.things == BEFORE and world.effects == []
